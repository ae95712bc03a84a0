"""The checks, by name, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from glassnet.testing.layer.report import FAILED, PASSED, SKIPPED, Result
from glassnet.testing.layer.specimen import Specimen

Found = Result
Check = Callable[[Specimen], Result]

LAYER_CHECKS: dict[str, Check] = {}
"""Every check of `check_layer`: a function of what is under check that returns a `Result`."""


def layer_check(name: str) -> Callable[[Check], Check]:
    """Add a check to those that `check_layer` makes, as a decorator.

    The function takes a `Specimen` and returns ``passed(…)``, ``failed(…)`` or ``skipped(…)``.

    Args:
        name: what the report calls it.

    >>> from glassnet.testing import check_layer
    >>> from glassnet.testing.layer import LAYER_CHECKS, failed, layer_check, passed
    >>> @layer_check("few weights")
    ... def few_weights(specimen):
    ...     count = specimen.layer.count_params()
    ...     return passed(f"{count}") if count < 100 else failed(f"{count} weights")
    >>> import glassnet as gn
    >>> dense = gn.layers.Dense(3, name="dense")
    >>> print(check_layer(dense, input_shape=(4,), checks=["few weights"]))
    Dense 'dense' on inputs of shape (m, 4): the check passed.
    <BLANKLINE>
    ✓ few weights  15
    >>> del LAYER_CHECKS["few weights"]
    """

    def add(check: Check) -> Check:
        def named(specimen: Specimen) -> Result:
            found = check(specimen)
            return Result(
                name, found.verdict, found.sentence, found.numbers, found.mend, found.detail
            )

        LAYER_CHECKS[name] = named
        return check

    return add


def passed(sentence: str, numbers: Sequence[str] = (), detail: Any = None) -> Result:
    """Return the result of a check that passed."""
    return Result("", PASSED, sentence, tuple(numbers), "", detail)


def failed(
    sentence: str, mend: str = "", numbers: Sequence[str] = (), detail: Any = None
) -> Result:
    """Return the result of a check that failed.

    Args:
        sentence: what is wrong.
        mend: what to write instead.
        numbers: the figures, a line each.
        detail: what was found in full.
    """
    return Result("", FAILED, sentence, tuple(numbers), mend, detail)


def skipped(reason: str) -> Result:
    """Return the result of a check that does not apply, and why."""
    return Result("", SKIPPED, reason)
