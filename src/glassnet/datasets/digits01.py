"""The zeros and ones among the embedded MNIST digits: the smallest problem of real pictures.

Source and licence: those of `glassnet.datasets.mnist`.
"""

from __future__ import annotations

from glassnet.datasets.embedded import read_images
from glassnet.datasets.splitting import SEED, Split, split

CLASSES = ("0", "1")
"""The names of the classes; here the class is the digit."""


def load_data(
    size: int = 28, flatten: bool = False, test_split: float = 0.2, seed: int = SEED
) -> Split:
    """Return 2,128 pictures of a 0 or a 1 as ``((x_train, y_train), (x_test, y_test))``.

    They are the 1,001 zeros and 1,127 ones of the embedded sample of MNIST; the same share of
    each is held out. ``size=20`` cuts the margin of 4 pixels off each side, which leaves the
    400 features of the classic exercise. MNIST centres digits by their centre of mass, so this
    cuts into some of them: 1.4% of all ink is lost.

    Args:
        size: height and width, 28 or 20.
        flatten: give a picture as one row of ``size * size`` features, row by row.
        test_split: the fraction to hold out, in [0, 1).
        seed: same seed, same split.

    Returns:
        Pictures, uint8 ``(m, size, size)``, or ``(m, size * size)`` where flattened, 0 for the
        background to 255 for full ink, and digits, uint8 ``(m,)``.

    Example:
        >>> from glassnet.datasets import digits01
        >>> (x_train, y_train), (x_test, y_test) = digits01.load_data(size=20, flatten=True)
        >>> x_train.shape, x_test.shape
        ((1702, 400), (426, 400))
        >>> sorted(set(y_test.tolist()))
        [0, 1]
    """
    if size not in (20, 28):
        raise ValueError(f"digits01: size is 28, the whole picture, or 20, cropped; got {size!r}.")
    x, y = read_images()
    x, y = x[y < 2], y[y < 2]
    margin = (28 - size) // 2
    x = x[:, margin : 28 - margin, margin : 28 - margin]
    if flatten:
        x = x.reshape(len(x), size * size)
    return split(x, y, test_split, seed, by_class=True)
