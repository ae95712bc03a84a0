"""Palmer penguins: 344 birds of three species; measures and categories, and some values missing.

Source: K. B. Gorman, T. D. Williams, W. R. Fraser, "Ecological Sexual Dimorphism and Environmental
Variability within a Community of Antarctic Penguins (Genus Pygoscelis)", PLoS ONE 9(3) (2014);
tidied by A. M. Horst, A. P. Hill, K. B. Gorman, ``palmerpenguins`` (2020). The data are CC0.
"""

from __future__ import annotations

import numpy as np

from glassnet.datasets.embedded import encode, read_table
from glassnet.datasets.splitting import SEED, Split, split

COLUMNS = (
    "species",
    "island",
    "bill_length_mm",
    "bill_depth_mm",
    "flipper_length_mm",
    "body_mass_g",
    "sex",
    "year",
)
"""The columns of the table. ``x`` has them in this order, without the target."""

CATEGORIES = {
    "species": ("Adelie", "Chinstrap", "Gentoo"),
    "island": ("Biscoe", "Dream", "Torgersen"),
    "sex": ("female", "male"),
}
"""The columns that hold categories, and the name of each number in them."""

_MISSING = "NA"


def load_data(
    target: str = "species", missing: str = "drop", test_split: float = 0.2, seed: int = SEED
) -> Split:
    """Return the penguins as ``((x_train, y_train), (x_test, y_test))``.

    Predict the species, or by ``target="body_mass_g"`` a bird's weight, with species, island and
    sex as dummy variables. Where the target is a category, the same share of each is held out.

    Args:
        target: the column to predict, one of ``COLUMNS``.
        missing: ``"drop"`` leaves out the 11 birds of which something is unknown, so 333 are
            left; ``"keep"`` leaves them in, with NaN for what is unknown. Birds of which the
            target is unknown are never there.
        test_split: the fraction to hold out, in [0, 1).
        seed: same seed, same split.

    Returns:
        The other seven columns, float32 ``(m, 7)``, in the order of ``COLUMNS``, categories as
        numbers that ``CATEGORIES`` names; and the target ``(m,)``, int64 for a category, else
        float32.

    Example:
        >>> from glassnet.datasets import penguins
        >>> (x_train, y_train), (x_test, y_test) = penguins.load_data()
        >>> x_train.shape, x_test.shape
        ((266, 7), (67, 7))
        >>> island = x_train[:, 0].astype(int)  # for CategoryEncoding or Embedding
        >>> penguins.CATEGORIES["island"][island[0]] in ("Biscoe", "Dream", "Torgersen")
        True
    """
    if target not in COLUMNS:
        raise ValueError(
            f"penguins: there is no column {target!r} to predict; choose one of "
            f"{', '.join(COLUMNS)}."
        )
    if missing not in ("drop", "keep"):
        raise ValueError(f"penguins: missing is 'drop' or 'keep'; got {missing!r}.")
    table = read_table("penguins.csv")
    columns = {name: _numbers(name, table[name]) for name in COLUMNS}
    y = columns.pop(target)
    x = np.column_stack(list(columns.values()))
    known = ~np.isnan(y)
    if missing == "drop":
        known &= ~np.isnan(x).any(axis=1)
    category = target in CATEGORIES
    x, y = x[known], y[known].astype(np.int64 if category else np.float32)
    return split(x, y, test_split, seed, by_class=category)


def _numbers(name: str, texts: list[str]) -> np.ndarray:
    """Return a column as float32, categories by number, NaN where nothing is known."""
    known = np.array([text != _MISSING for text in texts])
    values = [text for text in texts if text != _MISSING]
    numbers = np.full(len(texts), np.nan, np.float32)
    numbers[known] = (
        encode(values, CATEGORIES[name]) if name in CATEGORIES else np.array(values, np.float32)
    )
    return numbers
