"""The chain rule entry by entry: by which ways an entry reaches the cost.

The ways are read from the forward equations: every entry whose equation mentions q is one, and
∂J/∂q is the sum over them of ∂J/∂u ∂u/∂q.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from glassnet.explain.entries.arrays import gathered
from glassnet.explain.entries.terms import (
    EXAMPLE,
    Bracketed,
    Entry,
    EntryOf,
    Index,
    Letter,
    Over,
    Partial,
    mapped_parts,
    product,
    relettered,
    total,
)
from glassnet.formulas import Product, Quantity, Sum, Term
from glassnet.graph.dimension import Dim

FEW = 4
"""So many ways are written one by one; more are a sum over the entries of what is between."""


@dataclass(frozen=True)
class Defined:
    """An entry and the term that it is."""

    entry: Entry
    term: Term


@dataclass(frozen=True)
class Way:
    """An entry that another is used for; ``bound`` where examples are added up in between."""

    user: Entry
    bound: bool


def meets(found: Entry, wanted: Entry, sizes: Mapping[str, int]) -> dict[str, Index] | None:
    """Return which indices stand for the letters of ``found`` where it is ``wanted``; else None."""
    if found.quantity != wanted.quantity:
        return None
    letters: dict[str, Index] = {}
    for a, b in zip(found.index, wanted.index, strict=True):
        if isinstance(a, Letter) and a.name in sizes and not isinstance(b, Letter):
            place = b - a.shift
            if not 0 <= place < sizes[a.name] or letters.get(a.name, place) != place:
                return None
            letters[a.name] = place
        elif a != b:
            return None
    return letters


def mentions(term: Term, wanted: Entry) -> list[bool]:
    """Return, for each time a term mentions an entry, whether it adds examples up there."""
    found: list[bool] = []

    def search(part: Term, sizes: dict[str, int], bound: bool) -> None:
        if isinstance(part, Entry) and meets(part, wanted, sizes) is not None:
            found.append(bound)
        if isinstance(part, Over):
            bound = bound or isinstance(part.size, Dim)
            if not isinstance(part.size, Dim):
                sizes = {**sizes, part.letter: int(part.size)}
        for inner in part.parts:
            search(inner, sizes, bound)

    search(term, {}, False)
    return found


def leading(forward: Sequence[Defined], cost: Quantity) -> list[Defined]:
    """Return the entries that the cost depends on, the cost among them."""
    needed = {str(cost.name)}
    found: list[Defined] = []
    for defined in reversed(forward):
        if str(defined.entry.quantity.name) in needed:
            found.append(defined)
            parts = (p for p in defined.term.walk() if isinstance(p, (Entry, EntryOf)))
            needed |= {str(q.name) for p in parts for q in _quantities(p)}
    return found[::-1]


def _quantities(part: Entry | EntryOf) -> Iterator[Quantity]:
    if isinstance(part, Entry):
        yield part.quantity
    else:
        yield from (q for q in part.whole.walk() if isinstance(q, Quantity))


class Chains:
    """Finds the ways from entries to the cost.

    Args:
        forward: the entries of the forward pass and the cost, with what they are.
        cost: the quantity J.
        known: the quantities Q whose derivatives dQ are among the equations, by the name of Q.
        factor: what stands before a sum over examples that leads to a weight: 1/m where dQ is
            m ∂J/∂Q.
        shown: what the entries are as it is printed, where some have names that are none of the
            ways of the derivative: the loss of a probability that is computed from logits.
        own_loss: the loss of each example where derivatives are taken of that.
    """

    def __init__(
        self,
        forward: Sequence[Defined],
        cost: Quantity,
        known: Mapping[str, Quantity],
        factor: Term | None,
        shown: Mapping[Entry, Term],
        own_loss: Quantity | None = None,
    ) -> None:
        self.cost, self.known, self.factor = cost, known, factor
        self.shown, self.own_loss = shown, own_loss
        self.terms = {d.entry: d.term for d in forward}
        self.users: dict[str, list[Defined]] = {}
        for defined in leading(forward, cost):
            for name in {str(p.quantity.name) for p in defined.term.walk() if isinstance(p, Entry)}:
                self.users.setdefault(name, []).append(defined)

    def chain(self, wanted: Entry, *, weight: bool) -> Term | None:
        """Return the chain rule for the derivative of J by an entry; None where it says nothing.

        It says nothing where the cost, or the loss in the course's notation, is the only way, and
        where it leads through something whose derivative has no equation.
        """
        users = self.users.get(str(wanted.quantity.name), ())
        ways: dict[Quantity, list[Way]] = {}
        direct: Term | None = None
        for defined in users:
            found = mentions(defined.term, wanted)
            if not found:
                continue
            if defined.entry.quantity == self.cost:
                direct = dependent(defined.term, wanted) if weight else None
                if direct is None:
                    return None
            elif len(set(found)) > 1:
                return None
            elif defined.entry.quantity == self.own_loss:
                if not self._between(defined.entry, wanted):
                    return None
                ways.setdefault(defined.entry.quantity, []).append(Way(defined.entry, found[0]))
            elif str(defined.entry.quantity.name) not in self.known:
                return None
            else:
                way = Way(defined.entry, found[0])
                ways.setdefault(defined.entry.quantity, []).append(way)
        if not ways:
            return None
        summed = total([self._through(w, wanted) for w in ways.values()])
        if weight and self.factor is not None:
            summed = product((self.factor, summed))
        if direct is not None:
            summed = total((summed, product((Partial(None, wanted), Bracketed.of(direct)))))
        return summed

    def _through(self, ways: Sequence[Way], wanted: Entry) -> Term:
        """The sum over the ways through the entries of one quantity."""
        if len(ways) <= FEW:
            return total([self._step(w.user, w.bound, wanted) for w in ways])
        places = list(zip(*(w.user.index for w in ways), strict=True))
        letters = iter(("j", "k", "l", "q"))
        index: list[Index] = []
        limits: list[tuple[str, int]] = []
        shape = ways[0].user.quantity.shape
        for axis, size in zip(places, shape, strict=True):
            if len(set(axis)) > 1:
                letter = next(letters)
                limits.append((letter, int(size)))
                index.append(Letter(letter))
            else:
                index.append(axis[0])
        user = replace(ways[0].user, index=tuple(index))
        return self._step(user, ways[0].bound, wanted, limits)

    def _step(
        self, user: Entry, bound: bool, wanted: Entry, limits: Sequence[tuple[str, int]] = ()
    ) -> Term:
        examples = EXAMPLE in user.letters
        summed = examples and (bound or EXAMPLE not in wanted.letters)
        letter = EXAMPLE
        if summed and EXAMPLE in wanted.letters:
            letter = "r"
            user = relettered(user, {EXAMPLE: Letter(letter)})  # type: ignore[assignment]
        found = self._slope(user, wanted)
        if user.quantity != self.own_loss:
            found = product((self.derivative(user), found))
        for name, size in reversed(limits):
            found = Over("sum", name, size, found)
        return Over("sum", letter, Dim.named("m"), found) if summed else found

    def _slope(self, user: Entry, wanted: Entry) -> Term:
        """∂u/∂q, by way of the names between them."""
        between = self._between(user, wanted)
        if not between:
            return Partial(user, wanted)
        steps = [product((Partial(user, v), Partial(v, wanted))) for v in between]
        return gathered("sum", steps, FEW)

    def _between(self, user: Entry, wanted: Entry) -> list[Entry]:
        """The entries that the printed equation of ``user`` mentions in place of ``wanted``."""
        term = self.shown.get(user)
        if term is None or mentions(term, wanted):
            return []
        named = {p for p in term.walk() if isinstance(p, Entry) and p in self.terms}
        return [v for v in self.terms if v in named and mentions(self.terms[v], wanted)]

    def derivative(self, entry: Entry) -> Entry:
        """Return the derivative by an entry, as an entry of dQ."""
        return replace(entry, quantity=self.known[str(entry.quantity.name)])


def dependent(term: Term, wanted: Entry) -> Term | None:
    """Return the summands of a term that mention an entry; None where that is not simple."""
    if isinstance(term, Sum):
        kept = [dependent(t, wanted) for t in term.terms if mentions(t, wanted)]
        return None if None in kept else total([t for t in kept if t is not None])
    if isinstance(term, Product) and not term.divisors:
        inside = [t for t in (*term.scalars, *term.factors) if mentions(t, wanted)]
        if len(inside) == 1:
            found = dependent(inside[0], wanted)
            return None if found is None else _put(term, inside[0], found)
    if isinstance(term, Over) and term.kind == "sum":
        if isinstance(term.size, Dim):
            return None
        places = {term.letter: int(term.size)}
        entries = [p for p in term.body.walk() if isinstance(p, Entry)]
        met = [m for m in (meets(e, wanted, {**places, **_sizes(term.body)}) for e in entries) if m]
        if not met or any(m != met[0] for m in met):
            return None
        return dependent(relettered(term.body, {term.letter: met[0][term.letter]}), wanted)
    return term


def _put(term: Term, old: Term, new: Term) -> Term:
    return mapped_parts(term, lambda t: new if t == old else t)


def _sizes(term: Term) -> dict[str, int]:
    return {
        t.letter: int(t.size)
        for t in term.walk()
        if isinstance(t, Over) and not isinstance(t.size, Dim)
    }
