"""Results as text: the confusion matrix, and digits drawn with block characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SHADES = " ░▒▓█"


def confusion_table(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Return the confusion matrix as text: rows are the truth, columns what was predicted."""
    width = max(5, *(len(str(n)) + 1 for n in (*counts.ravel(), *classes)))
    label = max(5, *(len(c) for c in classes))
    lines = ["truth".rjust(label) + "".join(c.rjust(width) for c in classes) + "   recall"]
    for name, row in zip(classes, counts, strict=True):
        total = row.sum()
        recall = f"{row[list(classes).index(name)] / total:8.1%}" if total else "       –"
        lines.append(
            name.rjust(label) + "".join(str(n if n else "·").rjust(width) for n in row)
            + " " + recall
        )  # fmt: skip
    return "\n".join(lines)


def picture(image: np.ndarray, height: int = 14) -> list[str]:
    """Return an image of values from 0 to 1 as lines of block characters.

    A character is about twice as high as wide, so two rows of pixels make a line.
    """
    high, wide = image.shape[:2]
    step = max(1, round(high / (2 * height)))
    rows, columns = high // (2 * step) * 2 * step, wide // step * step
    cells = image.reshape(high, wide)[:rows, :columns].reshape(
        rows // (2 * step), 2 * step, columns // step, step
    )
    shades = np.clip((cells.mean(axis=(1, 3)) * len(_SHADES)).astype(int), 0, len(_SHADES) - 1)
    return ["".join(_SHADES[s] for s in row) for row in shades]


def pictures_in_a_row(
    images: Sequence[np.ndarray], captions: Sequence[Sequence[str]], gap: int = 3
) -> str:
    """Return several images beside each other, with captions beneath; blank margins are cut."""
    drawings = [picture(image) for image in images]
    inked = [i for i, lines in enumerate(zip(*drawings, strict=True)) if "".join(lines).strip()]
    shown = slice(inked[0], inked[-1] + 1) if inked else slice(0, 1)
    columns = []
    for drawing, caption in zip(drawings, captions, strict=True):
        width = max(len(drawing[0]), *(len(c) for c in caption))
        columns.append([line.ljust(width) for line in (*drawing[shown], *caption)])
    rows = zip(*columns, strict=True)
    return "\n".join((" " * gap).join(row).rstrip() for row in rows)
