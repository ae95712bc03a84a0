"""The update of an emitted program: one loop for all weights whose equations are alike.

Equations read what the step began with, except that a state whose old value serves for nothing
else is read after its update; the order follows from that.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import TypeVar

from glassnet.explain.code.layout import paired, statement
from glassnet.explain.code.reading import Reading, called, names_in
from glassnet.explain.code.terms import NumpyPrinter, is_negative
from glassnet.explain.equations import Equation
from glassnet.formulas import Name, Number, Product, Quantity, Reduced, Sum, Term

Item = TypeVar("Item")


@dataclass
class Group:
    """Equations that belong together: those of one weight, or one that many use.

    Args:
        weight: the weight's name; empty for what belongs to none.
        equations: in the order in which they are computed.
    """

    weight: str
    equations: list[Equation] = field(default_factory=list)


class Updating:
    """The lines of the update.

    Args:
        reading: the training step.
        dtype: the source of the model's dtype.
        scalars: the optimizer's variables that belong to no weight: ``{"t"}``.
        fixed: those of them that nothing changes, which the program has as constants.
    """

    def __init__(self, reading: Reading, dtype: str, scalars: set[str], fixed: set[str]) -> None:
        self.reading, self.dtype = reading, dtype
        self.scalars, self.fixed = scalars, fixed
        names, step = reading.names, reading.step
        self.states = {
            str(names.of[i]): (str(names.of[id(weight)]), names.of[i].letter)
            for i, (weight, _) in step.states.items()
            if i in names.of
        }
        """For each state its weight and its letter, both as the program calls them."""
        self.weights = {w.name for w in reading.weights}
        self.gradients = {}
        for variable, slope in zip(step.variables, step.gradients, strict=True):
            own = names.of[id(variable)]
            self.gradients[str(own)] = {str(own.d), str(names.of.get(id(slope), own.d))}
        self.equations = self._joined(_without_single_entries(reading.updates))
        self.reads = {id(e): names_in([e.term]) for e in self.equations}
        self.settled = {str(names.of[id(v)]) for v in reading.writer._states.values()}
        self.temporary = {str(e.name) for e in self.equations if e.target is None}

    # --- sums over all gradients --------------------------------------------------------------
    def weight_of(self, term: Term) -> str:
        """Return the only weight whose gradient a term mentions; empty for none or several."""
        names = names_in([term])
        found = [w for w, slopes in self.gradients.items() if names & slopes]
        return found[0] if len(found) == 1 else ""

    def _joined(self, equations: Sequence[Equation]) -> list[Equation]:
        """Sums over the weights' gradients that were cut for their length, in one piece again."""
        uses = Counter(name for e in equations for name in names_in([e.term]))
        parts: dict[str, Term] = {}
        result = []
        for e in equations:
            term = _replaced(e.term, parts) if parts else e.term
            summands = term.terms if isinstance(term, Sum) else ()
            sums = bool(summands) and all(map(self.weight_of, summands)) and e.target is None
            if sums and e.quantity.shape == () and uses[str(e.name)] == 1:
                parts[str(e.name)] = term
            else:
                result.append(replace(e, term=term))
        return result

    # --- the lines ----------------------------------------------------------------------------
    @property
    def letters(self) -> list[str]:
        """The letters of the states that belong to weights, in order."""
        return list(dict.fromkeys(letter for _, letter in self.states.values()))

    def lines(self, kept: set[str]) -> list[str]:
        """Return the body of ``update``, which keeps these scalars."""
        dropped = self.scalars - kept
        body: list[str] = []
        run: list[Group] = []
        for group in self._ordered():
            if group.weight:
                run.append(group)
            elif not {str(e.name) for e in group.equations} <= dropped:
                body += self._run_lines(run) + self._written(group, "", 4)
                run = []
        return [*self._opening(kept), *body, *self._run_lines(run)]

    def _run_lines(self, run: Sequence[Group]) -> list[str]:
        """The lines of the groups of some weights, those that are alike in one loop."""
        alike: dict[str, list[Group]] = {}
        for i, group in enumerate(run):
            apart = any(self._before(other, group) for other in run[:i])
            text = "\n".join(self._written(group)) + (str(i) if apart else "")
            alike.setdefault(text, []).append(group)
        return [line for groups in alike.values() for line in self._group_lines(groups)]

    def _opening(self, scalars: set[str]) -> list[str]:
        kept = [called(letter) for letter in self.letters]
        lines = paired(kept, "state", layers=False)
        lines += paired([called(name) for name in self.seen], "cache", layers=False)
        for name in sorted(scalars & self.read):
            value = f'state["{name}"]'
            if self.dtype == "np.float32" and name == "t":
                value = f"np.float32({value})"
            lines.append(f"    {called(name)} = {value}")
        return lines

    @property
    def seen(self) -> list[str]:
        """What the update reads of the passes before it, beside the gradients."""
        used = names_in(e.term for e in self.equations)
        slopes = set().union(*self.gradients.values())
        before = [*self.reading.forward, *self.reading.cost, *self.reading.backward]
        return [str(e.name) for e in before if str(e.name) in used - slopes]

    @property
    def read(self) -> set[str]:
        """The scalars that equations read, beside their own update by adding."""
        found: set[str] = set()
        for e in self.equations:
            mentioned = names_in([e.term])
            if e.target is not None and _added(e) is not None:
                mentioned.discard(str(e.name))
            found |= mentioned
        return found

    def _group_lines(self, groups: Sequence[Group]) -> list[str]:
        weights = [g.weight for g in groups]
        if len(groups) == 1:
            return self._written(groups[0], f'"{weights[0]}"', 4)
        if weights == list(self.reading.trained):
            head = "    for k in grads:"
        else:
            listed = ", ".join(f'"{w}"' for w in weights)
            head = f"    for k in ({listed}):"
            if len(head) > 100:
                head = f"    for k in {' '.join(weights)!r}.split():".replace("'", '"')
        return [head, *self._written(groups[0], "k", 8)]

    def _written(self, group: Group, key: str = "k", indent: int = 8) -> list[str]:
        """The lines of a group, the weight called by ``key``."""
        own = {str(e.name) for e in group.equations} & self.temporary if group.weight else set()
        made = [str(e.name) for e in group.equations]
        letter = self._free_letter
        places = {
            name: f"{letter}{i}" if len(own) > 1 else letter
            for i, name in enumerate((n for n in made if n in own), 1)
        }
        printer = _Printer(self, self._namer(group.weight, key, places))
        lines: list[str] = []
        for e in group.equations:
            if e.target is None:
                source = printer.value(e.term, e.quantity.shape)
                lines += statement(printer.name(e.name), source, "", indent)
            else:
                lines += self._assignment(e, printer, indent)
        return lines

    @cached_property
    def _free_letter(self) -> str:
        """A letter for what is computed on the way, which nothing else is called."""
        taken = {*self.letters, *self.scalars, *names_in(e.term for e in self.equations)}
        return next(c for c in "uqrvwz" if not any(name.startswith(c) for name in taken))

    def _assignment(self, e: Equation, printer: NumpyPrinter, indent: int) -> list[str]:
        target = printer.name(e.name)
        if str(e.name) in self.scalars:
            target = f'state["{e.name}"]'
        added = _added(e)
        if added is None:
            if self.dtype != "float" and e.quantity.shape:
                target += "[:]"  # the array keeps its dtype
            return statement(target, printer.value(e.term, e.quantity.shape), "", indent)
        if is_negative(added):
            return statement(f"{target} -=", printer.print(-added), "", indent)
        return statement(f"{target} +=", printer.print(added), "", indent)

    def _namer(self, weight: str, key: str, places: dict[str, str]) -> Callable[[Name], str]:
        """How the quantities of the group of one weight are called."""

        def name_of(name: Name) -> str:
            text = str(name)
            if text in places:
                return places[text]
            if weight and text in self.gradients.get(weight, ()):
                return f"grads[{key}]"
            if text in self.states:
                owner, letter = self.states[text]
                where = key if owner == weight else f'"{owner}"'
                return f"{called(letter)}[{where}]"
            for owner, slopes in self.gradients.items():
                if text in slopes:
                    return f'grads["{owner}"]'
            if text in self.weights:
                return f"parameters[{key if text == weight else _quoted(text)}]"
            return called(text)

        return name_of

    # --- the order ----------------------------------------------------------------------------
    def _ordered(self) -> list[Group]:
        """The groups, each after what it reads and before what it reads is changed."""
        return _arranged(self._groups(), self._before)

    def _groups(self) -> list[Group]:
        """What is used for one weight alone is that weight's; the rest stands by itself."""
        owner: dict[str, str] = {}
        for e in self.equations:
            if e.target is not None:
                name = str(e.name)
                owner[f"<{name}"] = self.states[name][0] if name in self.states else name
        users: dict[str, set[str]] = {}
        for e in reversed(self.equations):
            key = str(e.name) if e.target is None else f"<{e.name}"
            if e.target is None:
                mine = users.get(key, set())
                owner[key] = mine.copy().pop() if len(mine) == 1 else ""
            for name in names_in([e.term]) & self.temporary:
                users.setdefault(name, set()).add(owner[key] or f"={key}")
        groups: dict[str, Group] = {}
        for e in self.equations:
            key = str(e.name) if e.target is None else f"<{e.name}"
            weight = owner[key]
            if weight not in self.gradients:  # a scalar, a moving mean, or what several use
                groups[key] = Group("", [e])
            else:
                groups.setdefault(weight, Group(weight)).equations.append(e)
        for group in groups.values():
            group.equations = _arranged(group.equations, self._first)
        return list(groups.values())

    def _before(self, first: Group, second: Group) -> bool:
        return any(self._first(a, b) for a in first.equations for b in second.equations)

    def _first(self, first: Equation, second: Equation) -> bool:
        """Whether ``first`` must be computed before ``second``."""
        name, other = str(first.name), str(second.name)
        makes = first.target is None or (name in self.settled and name != other)
        if makes and name in self.reads[id(second)]:
            return True
        changes = second.target is not None and other not in self.settled and name != other
        return changes and other in self.reads[id(first)]


class _Printer(NumpyPrinter):
    """Prints the terms of an update; a sum of alike terms, one for each weight, is a loop."""

    def __init__(self, updating: Updating, name: Callable[[Name], str]) -> None:
        super().__init__(name, updating.dtype)
        self.updating = updating

    def _sum(self, term: Sum) -> tuple[str, int]:
        alike: dict[str, list[Term]] = {}
        for t in term.terms:
            weight = self.updating.weight_of(t)
            if weight:
                inner = NumpyPrinter(self.updating._namer(weight, "k", {}), self.dtype)
                alike.setdefault(inner.print(t), []).append(t)
        for text, terms in alike.items():
            if 2 < len(terms) == len(self.updating.gradients):
                looped = f"sum({text} for k in grads)"
                rest = [t for t in term.terms if not any(t is u for u in terms)]
                if not rest:
                    return looped, 4
                others = reduce(operator.add, rest)
                sign, others = ("-", -others) if is_negative(others) else ("+", others)
                return f"{looped} {sign} {self.print(others, 2)}", 1
        return super()._sum(term)


def _arranged(items: Sequence[Item], before: Callable[[Item, Item], bool]) -> list[Item]:
    """The items in an order in which each stands behind those that come before it.

    The order they have is kept as far as that goes.
    """
    waiting = {
        i: {j for j, other in enumerate(items) if i != j and before(other, item)}
        for i, item in enumerate(items)
    }
    result = []
    while waiting:
        ready = next((i for i, ahead in waiting.items() if not ahead), None)
        if ready is None:
            raise AssertionError("The updates read each other's old values in a circle.")
        del waiting[ready]
        for ahead in waiting.values():
            ahead.discard(ready)
        result.append(items[ready])
    return result


def _added(e: Equation) -> Term | None:
    """For ``q ← q + rest`` the rest; ``(1 - c) q`` is q and -c q, which rounds less."""
    if not isinstance(e.term, Sum):
        return None
    own = Quantity(e.name, e.quantity.shape)
    rest: list[Term] = []
    found = False
    for t in e.term.terms:
        beside = None if found else _beside_one(t, own)
        found = found or beside is not None
        if beside != Number(0):
            rest.append(t if beside is None else beside)
    if not found or not rest:
        return None
    total = rest[0]
    for t in rest[1:]:
        total = total + t
    return total if total.shape in (own.shape, ()) else None


def _beside_one(term: Term, own: Quantity) -> Term | None:
    """For ``q`` and ``(1 + c) q`` what stands beside q, 0 or ``c q``; None for anything else."""
    if term == own:
        return Number(0)
    if not isinstance(term, Product) or term.factors != (own,) or len(term.scalars) != 1:
        return None
    (front,) = term.scalars
    if term != front * own or not isinstance(front, Sum) or Number(1) not in front.terms:
        return None
    rest: Term = Number(0)
    for t in front.terms:
        rest = rest if t == Number(1) else rest + t
    return rest * own


def _without_single_entries(equations: Sequence[Equation]) -> list[Equation]:
    """Sums over one entry written as the sums that they are for other weights."""
    sums: dict[str, Term] = {}
    result = []
    for e in equations:
        term = _replaced(e.term, sums) if sums else e.term
        single = e.target is None and e.quantity.shape == () and _is_single(term)
        if single and not any(isinstance(p, Sum) for p in term.walk()):
            sums[str(e.name)] = _summed(term)
        else:
            result.append(replace(e, term=_summed(term) if single else term))
    return result


def _is_single(term: Term) -> bool:
    return len(term.shape) == 2 and set(term.shape) == {1}


def _summed(term: Term) -> Term:
    """A term of one entry as a number: where it adds, the sum of each of what it adds."""
    if not _is_single(term):
        return term
    if isinstance(term, Sum) or any(isinstance(p, Sum) for p in term.parts):
        return term.rebuilt(tuple(map(_summed, term.parts)))
    return Reduced("sum", term, (0, 1))


def _replaced(term: Term, by: Mapping[str, Term]) -> Term:
    if isinstance(term, Quantity):
        return by.get(str(term.name), term)
    parts = tuple(_replaced(part, by) for part in term.parts)
    return term if parts == term.parts else term.rebuilt(parts)


def _quoted(text: str) -> str:
    return f'"{text}"'
