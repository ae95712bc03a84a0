"""From nodes to named equations: what has a name is written by it, everything else in place.

A node without a name becomes part of the equation that uses it. It gets a name where it is used
more than once and is no trifle, where an equation would grow too long, and where its shape must
be stated. Nothing here knows an op: each says its own formula.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.explain.naming import Names
from glassnet.explain.ordering import in_order, served_alone
from glassnet.explain.recorded import RecordedStep
from glassnet.formulas import (
    Applied,
    Function,
    MatrixProduct,
    Name,
    Number,
    Power,
    Product,
    Quantity,
    Quotient,
    Reduced,
    Sum,
    Term,
    Transposed,
    call,
    matrix_shape,
    transposed,
)
from glassnet.formulas.arranging import RESHAPE, STACK
from glassnet.formulas.shapes import broadcast
from glassnet.graph.dimension import Shape
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.graph.variable import Variable

LONGEST = 9
"""How many quantities one equation may mention before a part of it gets a name."""

BROADCAST = Function("broadcast", numpy="np.broadcast_to", meaning="copies along axes of length 1")


@dataclass(frozen=True, eq=False)
class Equation:
    """``quantity = term``, and the node it is read from.

    Args:
        quantity: what is defined, with its shape.
        term: what it is.
        node: the node whose value it is.
        phase: ``"forward"``, ``"cost"``, ``"backward"``, ``"update"``.
        layer: the number of the layer it belongs to, None for none.
        of: for a derivative, the node by which the derivative is.
        target: for an update, the variable that gets the value.
        drawn: whether the value is drawn at random.
    """

    quantity: Quantity
    term: Term
    node: Tensor
    phase: str
    layer: int | None = None
    of: Tensor | None = None
    target: Variable | None = None
    drawn: bool = False

    @property
    def name(self) -> Name:
        """The name of what it defines."""
        return self.quantity.name


class EquationWriter:
    """Writes the equations of a recorded step."""

    def __init__(
        self, step: RecordedStep, names: Names, *, distributions: bool | Sequence[bool] = True
    ) -> None:
        self.step, self.names = step, names
        self.terms: dict[int, Term] = {}
        self.constants: dict[int, np.ndarray] = {}
        """The arrays among the constants, by the id of their node."""
        self.definitions: dict[int, tuple[Quantity, Term]] = {}
        self._first: set[int] = set()
        forward = topological([step.cost, *step.outputs])
        self._forward = {id(n) for n in forward}
        self._predicted = {id(n) for n in topological(step.outputs)}
        self.order = topological(
            [*step.outputs, step.cost, *step.gradients, *_shown(step, names),
             *step.updates.values()]
        )  # fmt: skip
        self._uses = Counter(id(i) for n in self.order for i in n.inputs)
        self._users: dict[int, list[Tensor]] = {}
        for node in self.order:
            for source in node.inputs:
                self._users.setdefault(id(source), []).append(node)
        backward = topological([*step.gradients, *_shown(step, names)])
        self._backward = {id(n) for n in backward} - self._forward
        self._states = self._settled_states()
        self._serves = served_alone(step)
        self._values: dict[int, Term] = {}
        if isinstance(distributions, bool):
            distributions = [distributions] * len(step.targets)
        self.distributions = self._assumed_distributions(forward, distributions)
        """The names of targets that are taken to sum to 1 for each example."""
        for node in self.order:
            self.terms[id(node)] = self._term(node)
        self._of_data = self._common_terms_of_data()

    # --- one node -----------------------------------------------------------------------------
    def _term(self, node: Tensor) -> Term:
        """The writing of a node within equations: its name, or its formula."""
        shape = matrix_shape(node.shape)
        if node.op is None:
            return self._leaf(node, shape)
        term = self._formula(node)
        term = self._sum_of_targets(term) or term
        name = self.names.of.get(id(node))
        if name is not None and term.shape == () and shape != () and not _mentioned(term):
            self.definitions[id(node)] = (Quantity(name, shape), term)
            return term  # a number stands for itself
        state = self._states.get(id(node))
        if state is not None:
            self._values[id(node)] = term
            return Quantity(self.names.of[id(state)], shape)  # from here on, its new value
        if name is None and self._deserves_name(node, term, shape):
            name = self._fresh(node)
        if name is None:
            return term
        quantity = Quantity(name, shape)
        self.definitions[id(node)] = (quantity, term)
        return quantity

    def _sum_of_targets(self, term: Term) -> Term | None:
        """Σ over the classes of ``a Y + c`` for targets Y that sum to 1: the number it is."""
        if not isinstance(term, Reduced) or term.kind != "sum" or not self.distributions:
            return None
        inner = term.term
        classes = inner.shape[-1] if inner.shape else 1
        if term.axes != (len(inner.shape) - 1,) or not isinstance(classes, int):
            return None
        total = 0.0
        for summand in inner.terms if isinstance(inner, Sum) else (inner,):
            scale, rest = 1.0, summand
            if isinstance(summand, Product) and not summand.scalars and not summand.divisors:
                scale = summand.top / summand.bottom
                rest = summand.factors[0] if len(summand.factors) == 1 else summand
            if isinstance(summand, Number):
                total += summand.value * classes
            elif isinstance(rest, Quantity) and rest.name in self.distributions:
                total += scale
            else:
                return None
        # A smoothing of float32 numbers sums to 1 up to their rounding.
        return Number(1) if abs(total - 1) < 1e-6 else Number(total)

    def _settled_states(self) -> dict[int, Variable]:
        """The optimizer's state whose old value serves for nothing but its new one: by new value.

        Later equations can call the new value by the state's name.
        """
        users: dict[int, list[Tensor]] = {}
        for node in self.order:
            for source in node.inputs:
                users.setdefault(id(source), []).append(node)
        found: dict[int, Variable] = {}
        for variable, node in self.step.updates.items():
            if id(variable) not in self.step.states or node.op is None:
                continue
            reached: set[int] = set()
            stack: list[Tensor] = [variable]
            while stack:
                for user in users.get(id(stack.pop()), ()):
                    if user is not node and id(user) not in reached:
                        reached.add(id(user))
                        stack.append(user)
            ahead = {id(n) for n in topological([node])}
            if reached <= ahead:
                found[id(node)] = variable
        return found

    def _assumed_distributions(self, forward: Sequence[Tensor], are: Sequence[bool]) -> set[Name]:
        """The targets that an op takes as distributions, as they are or smoothed."""
        targets = {id(t) for t, is_one in zip(self.step.targets, are, strict=True) if is_one}
        found: set[Name] = set()
        for node in forward:
            for place in node.op.distributions if node.op is not None else ():
                made_of = [n for n in topological([node.inputs[place]]) if id(n) in targets]
                found |= {self.names.of[id(n)] for n in made_of if is_float(n.dtype)}
        return found

    def _leaf(self, node: Tensor, shape: Shape) -> Term:
        if isinstance(node, Constant):
            values = node.value
            if values.size and (values == values.flat[0]).all() and values.dtype.kind in "fiub":
                return Number(_number(values.flat[0]))
            if id(node) not in self.names.of:
                self.names.fresh(node, "C")
                self.constants[id(node)] = values
        return Quantity(self.names.of[id(node)], shape)

    def _formula(self, node: Tensor) -> Term:
        assert node.op is not None
        terms = [self._operand(node, i) for i in range(len(node.inputs))]
        found = node.op.formula(node, *terms)
        if found is None:
            return plain_formula(node, terms)
        return transposed(found) if _is_column_of(found, matrix_shape(node.shape)) else found

    def _operand(self, node: Tensor, place: int) -> Term:
        """The term of an input, in full shape where the op needs that."""
        source = node.inputs[place]
        term, shape = self.terms[id(source)], matrix_shape(source.shape)
        if matrix_shape(term.shape) == shape or term.shape == shape:
            return term
        assert node.op is not None
        if node.op.spreads or (term.shape == () and node.op.view):
            return term
        if _beside_numbers(node, source) and len(matrix_shape(term.shape)) > len(shape):
            return term  # the axes that a sum has left are dropped with the name of this
        return call(BROADCAST, term, shape=shape, sizes=shape)

    def _deserves_name(self, node: Tensor, term: Term, shape: Shape) -> bool:
        if isinstance(term, (Number, Quantity)):
            return False
        own = matrix_shape(term.shape)
        if broadcast(own, shape) != shape or len(own) > len(shape):
            # An axis of length 1 is dropped: the statement of a shape says so, this or the next.
            users = self._users.get(id(node), [])
            goes_on = len(own) > len(shape) and len(users) == 1
            return not (goes_on and _beside_numbers(users[0], node))
        if _is_arranged(term):
            return False
        parts = list(term.walk())
        mentioned = sum(isinstance(p, Quantity) for p in parts)
        if self._uses[id(node)] > 1 and (mentioned > 2 or any(map(_is_work, parts))):
            return term.shape != () or mentioned > 2 or any(map(_is_work, parts))
        return mentioned > LONGEST

    def _fresh(self, node: Tensor) -> Name:
        """A new name; what serves the update of one weight alone is named after it."""
        letter, weight = self._letter(node), self._serves.get(id(node))
        if letter != "U" or weight is None or node.symbol:
            return self.names.fresh(node, letter)
        return self.names.give(node, Name(letter, of=self.names.of[id(weight)]))

    def _letter(self, node: Tensor) -> str:
        if id(node) in self._forward:
            return "T"
        return "G" if id(node) in self._backward else "U"

    def _common_terms_of_data(self) -> dict[Term, Quantity]:
        """Functions of inputs and targets alone that have a name: they are called by it everywhere.

        The class numbers as rows of 0 and 1 occur in the loss and in its derivative.
        """
        leaves = {self.names.of[id(t)] for t in (*self.step.inputs, *self.step.targets)}
        found: dict[Term, Quantity] = {}
        for node in self.order:
            quantity, term = self.definitions.get(id(node), (None, None))
            if quantity is None or not isinstance(term, Applied) or not term.arguments:
                continue
            if all(isinstance(a, Quantity) and a.name in leaves for a in term.arguments):
                found[term] = quantity
                self._first.add(id(node))
        return found

    def _with_names(self, term: Term) -> Term:
        """The term with common terms of the data called by their names."""
        if term in self._of_data:
            return self._of_data[term]
        if not self._of_data or not term.parts:
            return term
        return term.rebuilt(tuple(map(self._with_names, term.parts)))

    # --- all of them --------------------------------------------------------------------------
    def equations(self) -> list[Equation]:
        """Return the equations in an order in which each uses only what stands before it."""
        found = {id(n): self._equation(n) for n in self.order if id(n) in self.definitions}
        first = [e for i, e in found.items() if i in self._first and i not in self._forward]
        forward = [e for i, e in found.items() if i in self._forward]
        forward = _before_the_cost(forward, first)
        backward = [e for i, e in found.items() if i in self._backward and i not in self._first]
        backward += self._aliases()
        others = [e for i, e in found.items() if i not in self._forward | self._backward]
        new = {str(self.names.of[id(state)]) for state in self._states.values()}
        updates = in_order([*others, *self._updates()], new)
        return [*forward, *self._from_the_back(backward), *updates]

    def _equation(self, node: Tensor) -> Equation:
        quantity, term = self.definitions[id(node)]
        layer = self.names.numbers.get(id(node), (quantity.name.layer, 0))[0]
        of = None
        if id(node) in self._forward:
            made = id(node) in self.names.owners or id(node) in self._predicted
            phase = "forward" if made else "cost"
        elif id(node) in self._backward:
            phase, of = "backward", self._primal.get(str(quantity.name))
        else:
            phase = "update"
        if id(node) in self._first:
            phase = "cost" if phase == "backward" else phase
        else:
            term = self._with_names(term)
        drawn = any(i is STEP for i in node.inputs)
        return Equation(quantity, term, node, phase, layer, of, None, drawn)

    @property
    def _primal(self) -> dict[str, Tensor]:
        """What a derivative is by: the node called Q for the name dQ."""
        if not hasattr(self, "_primals"):
            nodes = topological([self.step.cost])
            named = ((self.names.of.get(id(n)), n) for n in nodes)
            self._primals = {str(name.d): node for name, node in named if name is not None}
        return self._primals

    def _aliases(self) -> Iterable[Equation]:
        """Derivatives that equal one that has a name, or a leaf."""
        for name, node in self.names.also:
            quantity = Quantity(name, matrix_shape(node.shape))
            of = self._primal.get(str(name))
            layer = None if of is None else self.names.numbers.get(id(of), (None, 0))[0]
            yield Equation(
                quantity, self.terms[id(node)], node, "backward", layer or name.layer, of
            )

    def _from_the_back(self, equations: Sequence[Equation]) -> list[Equation]:
        """Order derivatives as backpropagation meets them: from the cost to the input."""
        place = {id(n): i for i, n in enumerate(topological([self.step.cost]))}
        users = self._met_at(place)
        waiting = list(equations)
        defined = {str(e.name) for e in waiting}
        rank: dict[int, float] = {}
        for e in waiting:
            if e.of is None:
                rank[id(e)] = -1.0  # a common term: right before the first that needs it
            elif e.of.op is None:  # a weight comes right after what it is multiplied into
                rank[id(e)] = users.get(id(e.of), 0) - 0.5
            else:
                outside = len(place) if e.layer is None else 0  # all of the loss comes first
                rank[id(e)] = place[id(e.of)] + outside
        needs = {id(e): {str(n) for n in _mentioned(e.term)} & defined for e in waiting}
        terms = {str(e.name): e for e in waiting if rank[id(e)] < 0}
        done: set[str] = set()
        result: list[Equation] = []
        while waiting:
            ready = [e for e in waiting if rank[id(e)] >= 0 and _can_follow(e, needs, terms, done)]
            chosen = max(ready or waiting, key=lambda e: rank[id(e)])
            stack = [chosen]
            while stack:  # the terms that it needs, innermost first
                missing = [terms[n] for n in sorted(needs[id(stack[-1])] - done)]
                if missing:
                    stack.append(missing[0])
                    continue
                found = stack.pop()
                waiting.remove(found)
                done.add(str(found.name))
                result.append(found)
        return result

    def _met_at(self, place: dict[int, int]) -> dict[int, int]:
        """Where each node last meets the data, by its id: γ, reshaped, where it is multiplied."""
        given = {id(t) for t in (*self.step.inputs, *self.step.targets)}
        order = topological([self.step.cost])
        of_data = set(given)
        for node in order:
            if any(id(i) in of_data for i in node.inputs):
                of_data.add(id(node))
        met: dict[int, int] = {}
        for node in reversed(order):
            own = place[id(node)] if id(node) in of_data else met.get(id(node), 0)
            for source in node.inputs:
                met[id(source)] = max(met.get(id(source), 0), own)
        return met

    def _updates(self) -> Iterable[Equation]:
        for variable, node in self.step.updates.items():
            name = self.names.of.get(id(variable))
            if name is None:
                name = self.names.give(variable, Name(variable.name or "v"))
            quantity = Quantity(name, matrix_shape(variable.shape))
            term = self._values.get(id(node), self.terms[id(node)])
            owner = self.step.states.get(id(variable), (variable, ""))[0]
            layer = self.names.of[id(owner)].layer
            yield Equation(quantity, term, node, "update", layer, None, variable)


def _can_follow(
    equation: Equation, needs: dict[int, set[str]], terms: dict[str, Equation], done: set[str]
) -> bool:
    """Tell whether all that an equation needs stands above, or is a term that can."""
    missing = needs[id(equation)] - done
    while missing:
        if not missing <= terms.keys():
            return False
        missing = set().union(*(needs[id(terms[n])] for n in missing)) - done
    return True


def _is_column_of(term: Term, shape: Shape) -> bool:
    """Tell whether a term is a column where a row is meant, or a row for a column."""
    return len(shape) == 2 and 1 in shape and term.shape == shape[::-1] != shape


def _before_the_cost(forward: list[Equation], first: list[Equation]) -> list[Equation]:
    """Put what is made of the targets alone in front of the loss that uses it."""
    place = next((i for i, e in enumerate(forward) if e.phase == "cost"), len(forward))
    return [*forward[:place], *first, *forward[place:]]


def plain_formula(node: Tensor, terms: Sequence[Term]) -> Term:
    """Return the writing of an op that says none: its name, its parameters, its arguments."""
    op = node.op
    assert op is not None
    function = Function(op.name, numpy=f"np.{op.name}", entrywise=op.elementwise)
    parameters = tuple((key, value) for key, value in vars(op).items() if key != "dtype")
    return Applied(function, tuple(terms), parameters, matrix_shape(node.shape))


def _shown(step: RecordedStep, names: Names) -> list[Tensor]:
    """The derivatives that have names."""
    wanted = [c for c in step.cotangents.values() if id(c) in names.of]
    return [*wanted, *(node for _, node in names.also)]


def _mentioned(term: Term) -> set[Name]:
    return {p.name for p in term.walk() if isinstance(p, Quantity)}


def _beside_numbers(node: Tensor, source: Tensor) -> bool:
    """Whether a node works entry by entry on this one input, with numbers beside it."""
    assert node.op is not None
    others = [i for i in node.inputs if i is not source]
    return node.op.elementwise and all(i.shape == () for i in others) and source.shape != ()


def _is_arranged(term: Term) -> bool:
    """Whether it is a quantity in another shape, which needs no name of its own."""
    term = term.term if isinstance(term, Transposed) else term
    arranged = isinstance(term, Applied) and term.function in (RESHAPE, STACK)
    return arranged and isinstance(term.parts[0], Quantity)


def _is_work(term: Term) -> bool:
    return isinstance(term, (Applied, MatrixProduct, Power, Quotient, Reduced))


def _number(value: np.generic) -> float | int:
    """A number as its dtype writes it: the float32 0.1 is 0.1."""
    if value.dtype.kind in "iub":
        return int(value)
    return float(str(value))
