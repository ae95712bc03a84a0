"""NumPy's functions as analytic functions of a complex number: what a complex step runs through.

f(x + ih) = f(x) + ih f′(x) + O(h²), so with h = 10⁻⁴⁰ the imaginary part is the derivative without
any subtraction. That needs every function on the way to treat the imaginary part as the small
change that it is: |z| is z or −z by the sign of the real part, and a choice is made by real parts.

Source: J. Martins, P. Sturdza and J. Alonso, "The complex-step derivative approximation", ACM
Transactions on Mathematical Software 29 (2003), table I.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _absolute(x: Any) -> Any:
    return np.where(np.real(x) < 0, -x, x)


def _maximum(a: Any, b: Any) -> Any:
    return np.where(np.real(a) >= np.real(b), a, b)


def _minimum(a: Any, b: Any) -> Any:
    return np.where(np.real(a) <= np.real(b), a, b)


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else _maximum(x, low)
    return x if high is None else _minimum(x, high)


def _logaddexp(a: Any, b: Any) -> Any:
    high, low = _maximum(a, b), _minimum(a, b)
    return high + np.log1p(np.exp(low - high))


def _hypot(a: Any, b: Any) -> Any:
    return np.sqrt(a * a + b * b)


def _arctan2(y: Any, x: Any) -> Any:
    angle = np.arctan2(np.real(y), np.real(x))
    change = (np.real(x) * np.imag(y) - np.real(y) * np.imag(x)) / (
        np.real(x) ** 2 + np.real(y) ** 2
    )
    return angle + 1j * change


def _copysign(x: Any, sign: Any) -> Any:
    return np.where(np.signbit(np.real(x)) == np.signbit(np.real(sign)), x, -x)


def _sign(x: Any) -> Any:
    return np.sign(np.real(x))


class Analytic:
    """NumPy's namespace with the functions that are not analytic made so."""

    _ours: dict[str, Callable[..., Any]] = {  # noqa: RUF012
        "absolute": _absolute, "abs": _absolute, "fabs": _absolute, "maximum": _maximum,
        "minimum": _minimum, "clip": _clip, "logaddexp": _logaddexp, "hypot": _hypot,
        "arctan2": _arctan2, "copysign": _copysign, "sign": _sign,
    }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        return self._ours.get(name) or getattr(np, name)


ANALYTIC = Analytic()
