"""What a step of a second-order method has to tell, as text: what `verbose=2` shows."""

from __future__ import annotations

import textwrap

import numpy as np

from glassnet.optimizers.second_order.base import Move

_WIDTH = 88
_FLAT = 1e-6
"""Eigenvalues below this part of the largest count as 0: their sign is that of rounding."""


def told(move: Move) -> str:
    """Return two lines of numbers, then a line for each thing worth a sentence.

    By how much the function went down and by how much the method's model of it promised, the
    length of the gradient, the rate and the damping; the smallest and the largest eigenvalue of
    the curvature, where the method knows them, and how many are negative.

    >>> import numpy as np
    >>> from glassnet.optimizers.second_order import Move
    >>> x = np.zeros(2)
    >>> saddle = Move(x, 1.0, 0.25, 2.0, predicted=0.8, eigenvalues=np.array([-2.0, 2.0]))
    >>> saddle.notes.append("negative curvature along this direction")
    >>> print(told(saddle))
    decrease 0.75, predicted 0.8; gradient 2; rate 1
    eigenvalues -2 to 2, 1 of 2 negative
    negative curvature along this direction
    """
    parts = [_descent(move), f"gradient {move.slope:.3g}", f"rate {move.rate:.3g}"]
    if move.damping is not None:
        parts.append(f"damping {move.damping:.3g}")
    lines = ["; ".join(parts), *_curvature(move.eigenvalues)]
    for note in move.notes:
        lines += textwrap.wrap(note.removesuffix("."), _WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _curvature(eigenvalues: np.ndarray | None) -> list[str]:
    if eigenvalues is None or not len(eigenvalues):
        return []
    if len(eigenvalues) == 1:
        return [f"curvature {eigenvalues[0]:.3g}"]
    bound = -_FLAT * np.abs(eigenvalues).max()
    negative = int((eigenvalues < bound).sum())
    count = f"{negative} of {len(eigenvalues)}" if negative else "none"
    return [f"eigenvalues {eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}, {count} negative"]


def _descent(move: Move) -> str:
    """What was gained and what was promised; a climb is called one."""
    promised = "" if move.predicted is None else f", predicted {_change(move.predicted)}"
    if move.decrease < 0:
        return f"increase {-move.decrease:.3g}{promised}"
    return f"decrease {move.decrease:.3g}{promised}"


def _change(decrease: float) -> str:
    return f"{decrease:.3g}" if decrease >= 0 else f"an increase of {-decrease:.3g}"
