"""The catalogue of mistakes: each family yields the mistakes that a network has room for.

A mistake of a single op is declared by the op itself (`Op.slips`); here are those that only the
whole network shows: activations, losses, weights, statistics, draws, penalties, bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.catalogue.activation import of_activations
from glassnet.explain.doctor.diagnosis.catalogue.bookkeeping import of_bookkeeping
from glassnet.explain.doctor.diagnosis.catalogue.draws import of_draws
from glassnet.explain.doctor.diagnosis.catalogue.loss import of_losses
from glassnet.explain.doctor.diagnosis.catalogue.ops import of_ops
from glassnet.explain.doctor.diagnosis.catalogue.penalties import of_penalties
from glassnet.explain.doctor.diagnosis.catalogue.statistics import of_statistics
from glassnet.explain.doctor.diagnosis.catalogue.timing import of_timing
from glassnet.explain.doctor.diagnosis.catalogue.weights import of_weights
from glassnet.explain.doctor.diagnosis.variant import Variant

Family = Callable[[Case, list[str]], Iterator[Variant]]

FAMILIES: list[Family] = [
    of_losses, of_activations, of_weights, of_ops, of_statistics, of_draws, of_penalties,
    of_timing, of_bookkeeping,
]  # fmt: skip


def variants_of(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield every mistake of the catalogue at each of its places.

    Args:
        case: the network and the batch.
        names: the gradients that are looked at.
    """
    for family in FAMILIES:
        yield from family(case, names)
