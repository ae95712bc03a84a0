"""The backward pass in numbers, with a rule replaced here and there.

The walk is that of `glassnet.graph.derivative`, on arrays of float64. What one replaced rule
changes is computed anew, and nothing else: a catalogue of mistakes is tried in little more than
the time of a few backward passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from glassnet.explain.evaluation import Evaluation, wide, wide_op
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.tensor import Constant, Tensor

Part = tuple[Tensor, np.ndarray]
Way = Callable[["Walk", np.ndarray], Sequence[Part]]
"""A rule: from the walk and the derivative by a node's value to what each input receives."""
Given = Callable[["Walk"], np.ndarray]


class ImpossibleSlipError(Exception):
    """The wrong rule gives an array that does not fit, so nobody can have run it."""


@dataclass(frozen=True, eq=False)
class Changes:
    """What of a backward pass is done differently.

    Args:
        ways: rules by the id of the node whose derivative they take apart. A rule may send to
            nodes further away: the nodes between receive nothing then.
        given: derivatives by the id of a node, put in the place of what the node receives.
        leaves: the same for leaves, computed at the end; any shape.
    """

    ways: Mapping[int, Way] = field(default_factory=dict)
    given: Mapping[int, Given] = field(default_factory=dict)
    leaves: Mapping[int, Given] = field(default_factory=dict)

    def __add__(self, other: Changes) -> Changes | None:
        """Both; None where they replace the same rule."""
        if (
            self.ways.keys() & other.ways.keys()
            or self.given.keys() & other.given.keys()
            or self.leaves.keys() & other.leaves.keys()
        ):
            return None
        return Changes(
            {**self.ways, **other.ways}, {**self.given, **other.given},
            {**self.leaves, **other.leaves},
        )  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.ways or self.given or self.leaves)


class Walk:
    """Derivatives of a cost by every node, in float64.

    Args:
        evaluation: the values of the nodes.
        cost: the node that is differentiated.
        wrt: the leaves that are asked for.
        seed: the weight of every entry of the cost.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        cost: Tensor,
        wrt: Sequence[Tensor],
        seed: np.ndarray,
    ) -> None:
        self.values = evaluation
        self.cost, self.wrt, self.seed = cost, list(wrt), seed
        self.order = topological([cost])
        evaluation.compute(self.order)
        needed = {id(w) for w in wrt}
        for node in self.order:
            if any(id(i) in needed for i in node.inputs):
                needed.add(id(node))
        self._needed = needed
        self._users: dict[int, list[Tensor]] = {}
        for node in self.order:
            for source in {id(i): i for i in node.inputs}.values():
                self._users.setdefault(id(source), []).append(node)
        self._parts: dict[int, list[Part]] = {}
        self._received: dict[int, np.ndarray | None] = {}
        self._base = self
        self._run(Changes())

    def changed(self, changes: Changes, evaluation: Evaluation | None = None) -> Walk:
        """Return the walk with some rules replaced, or on other values.

        Raises:
            ImpossibleSlipError: where a replaced rule gives what does not fit.
        """
        if evaluation is not None:
            other = Walk(evaluation, self.cost, self.wrt, self.seed)
            return other.changed(changes) if changes else other
        other = object.__new__(Walk)
        other.__dict__.update(self.__dict__)
        other._base, other._parts, other._received = self, {}, {}
        other._run(changes)
        return other

    def asks(self, node: Tensor) -> bool:
        """Tell whether the derivative by a node is needed."""
        return id(node) in self._needed

    def reaches(self, node: Tensor) -> bool:
        """Tell whether anything comes back to a node."""
        return self._find(id(node)) is not None

    def users(self, node: Tensor) -> list[Tensor]:
        """The nodes that are computed from a node."""
        return self._users.get(id(node), [])

    def __getitem__(self, node: Tensor) -> np.ndarray:
        """The derivative of the cost by a node; 0 where it does not depend on it."""
        found = self._find(id(node))
        return np.zeros_like(wide(self.values[node])) if found is None else found

    def _find(self, key: int) -> np.ndarray | None:
        if key in self._received or self._base is self:
            return self._received.get(key)
        return self._base._find(key)

    # --- walking ------------------------------------------------------------------------------
    def _run(self, changes: Changes) -> None:
        first = self._base is self
        moved: set[int] = set()
        for node in reversed(self.order):
            key = id(node)
            if key not in self._needed:
                continue
            anew = first or key in moved or key in changes.given
            if anew:
                self._received[key] = self._collected(node, changes)
            if node.op is None or not (anew or key in changes.ways):
                continue
            g = self._find(key)
            self._parts[key] = [] if g is None else self._sent(node, g, changes)
            before = [] if first else self._base._parts_of(key)
            moved |= {id(n) for n, _ in (*self._parts[key], *before)}
        for node in self.wrt:
            if id(node) in changes.leaves:
                self._received[id(node)] = np.asarray(changes.leaves[id(node)](self))

    def _parts_of(self, key: int) -> list[Part]:
        if key in self._parts or self._base is self:
            return self._parts.get(key, [])
        return self._base._parts_of(key)

    def _collected(self, node: Tensor, changes: Changes) -> np.ndarray | None:
        """What a node receives from all that use it."""
        if id(node) in changes.given:
            return self._fitting(node, changes.given[id(node)](self))
        if node is self.cost:
            return self.seed
        parts = [
            part
            for user in self._senders(node, changes)
            for target, part in self._parts_of(id(user))
            if target is node
        ]
        return sum(parts[1:], parts[0]) if parts else None

    def _senders(self, node: Tensor, changes: Changes) -> list[Tensor]:
        """The nodes that may send to this one: its users, and those with a rule of their own."""
        users = self._users.get(id(node), [])
        far = [n for n in self.order if id(n) in changes.ways and all(n is not u for u in users)]
        return [*users, *far]

    def _sent(self, node: Tensor, g: np.ndarray, changes: Changes) -> list[Part]:
        if id(node) in changes.ways:
            parts = list(changes.ways[id(node)](self, g))
            for target, part in parts:
                if target.op is not None:
                    self._fitting(target, part)
            return parts
        return self.rule(node, g)

    def rule(self, node: Tensor, g: np.ndarray) -> list[Part]:
        """What the inputs of a node receive by the op's own rule."""
        assert node.op is not None
        if not node.op.differentiable:
            return []
        op = wide_op(node).bind(self.values.sizes)
        inputs = [Constant(self.values[i]) for i in node.inputs]
        with np.errstate(all="ignore"):
            found = op.vjp(Constant(g), Constant(self.values[node]), *inputs)
        return [
            (source, np.asarray(part, np.float64))
            for source, part in zip(node.inputs, found, strict=True)
            if part is not None and id(source) in self._needed and is_float(source.dtype)
        ]

    def _fitting(self, node: Tensor, array: np.ndarray) -> np.ndarray:
        if np.shape(array) != self.values[node].shape or not np.isfinite(array).all():
            raise ImpossibleSlipError
        return np.asarray(array)
