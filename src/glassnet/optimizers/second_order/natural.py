"""The natural gradient: the steepest way down where lengths are distances between distributions.

A network gives for every input a distribution p of the target, by logits (categorical, Bernoulli)
or as the mean of a Gaussian (squares). Its Fisher matrix is the curvature of the distance between
the distributions of two neighbouring networks ::

    F = E[∇log p ∇log pᵀ]        KL(p_w, p_{w+δ}) ≈ ½ δᵀ F δ

where targets are drawn from p itself. For these three F equals the Gauss-Newton matrix
``Jᵀ (∂²L/∂z²) J`` of the loss -log p (J. Martens, "New insights and perspectives on the natural
gradient method", JMLR 21, 2020, section 9), which is how it is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from glassnet.checks import number, one_of, whole
from glassnet.graph.variable import Variable
from glassnet.objective import Objective, Problem
from glassnet.ops.random import philox
from glassnet.optimizers.base import OPTIMIZERS
from glassnet.optimizers.second_order import kronecker
from glassnet.optimizers.second_order.base import Move, SecondOrder
from glassnet.optimizers.second_order.damped import MATRIX_LIMIT, MatrixSystem, ProductSystem
from glassnet.optimizers.second_order.kronecker import Statistics
from glassnet.optimizers.second_order.looking import height, look, rounding

Vector = np.ndarray

NOT_CONVEX = (
    "The loss is not convex in the outputs of the network: negative curvature was counted as none."
)
HALVINGS = 8
"""How often a step is halved that climbs, before it is refused."""
STATE = ("input_factor", "output_factor", "input_inverse", "output_inverse")


@OPTIMIZERS.add("naturalgradient")
class NaturalGradient(SecondOrder):
    """``w ← w - η (F + λ I)⁻¹ ∇L``: the natural gradient, F being the Fisher matrix.

    With ``fisher="kronecker"`` F is a product of two small matrices for each dense layer and each
    convolution, ``F ≈ A ⊗ G`` (K-FAC): A the mean of ā āᵀ over examples, ā being the layer's inputs
    with the bias's 1, and G the sum of g gᵀ, g being derivatives by its outputs for targets that
    the network draws itself. Other weights (of normalisations, depthwise and transposed
    convolutions, embeddings, and weights used twice) go by the diagonal of F. A and G are averaged
    over steps, and inverted as ``(A + π √λ I)⁻¹`` and ``(G + √λ/π I)⁻¹``, where
    ``π² = (tr A / dim A) / (tr G / dim G)``.

    With p that direction and d the step before, the step ``δ = η (α p + μ d)`` has the α and μ that
    minimise ``∇Lᵀδ + ½ δᵀ (F + λ I) δ``, by two products with the true F. The damping λ falls where
    the loss went down by more than ¾ of what was promised, and rises below ¼. A step that climbs is
    halved, and refused where that does not help.

    Memory and time, for a layer of n inputs and f outputs in a batch of m: four factors, 2 (n + 1)²
    + 2 f² numbers; every ``refresh``-th step m (n² + f²) operations make A and G, ``samples`` more
    gradients, and about 3 (n³ + f³) operations invert. Every step costs n² f + n f² operations and,
    with ``rescale``, two products with F, each about two gradients. A convolution counts n = cells
    × channels and each place as an example. With ``fisher="exact"``: as `GaussNewton`.

    Args:
        learning_rate: η.
        fisher: ``"exact"`` solves with F of this batch itself, by the matrix for up to 500 weights,
            else by products and conjugate gradients; ``"kronecker"``; ``"auto"`` is exact for up to
            500 weights and Kronecker-factored above.
        damping: the first λ, in the scale of F.
        adapt_damping: whether λ follows how well steps keep their promise.
        rescale: whether α and μ minimise the quadratic model. Without, α is 1 and μ the momentum.
        momentum: μ where ``rescale`` is off; with it, 0 leaves d out.
        kl_clip: κ: a step is shortened so that ``½ δᵀ F δ ≤ κ``; None for no bound. Without
            ``rescale`` δᵀ F δ is that of the Kronecker factors for p.
        decay: how much of the averages of A and G is kept.
        refresh: after how many steps A, G and the inverses are made anew; in the first three steps
            they always are.
        samples: how many targets are drawn for each example to make G; None takes the expectation
            instead, one gradient for each output.
        largest: up to how many rows a factor may have; layers beyond go by the diagonal of F.
        seed: of the draws.
        name: a name, in front of the names of its variables.

    Raises:
        ValueError: in training, for a function that gives a single number; with ``"kronecker"``,
            where no layer has factors or the loss is no sum over examples.

    With batches, use ``adapt_damping=False``: a step is judged by the batch it was made from, which
    praises it too much, so λ falls until steps suit one batch only. ``kl_clip`` helps with small
    ones: ``NaturalGradient(0.1, damping=0.03, adapt_damping=False, rescale=False, kl_clip=0.01)``.

    Sources: S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10,
    1998; J. Martens, R. Grosse, "Optimizing neural networks with Kronecker-factored approximate
    curvature", ICML 2015; R. Grosse, J. Martens, "A Kronecker-factored approximate Fisher matrix
    for convolution layers", ICML 2016; J. Ba, R. Grosse, J. Martens, "Distributed second-order
    optimization using Kronecker-factored approximations", ICLR 2017 (the bound κ).

    >>> import numpy as np, glassnet as gn
    >>> gn.utils.set_random_seed(0)
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> y = x @ np.array([[1.0], [-2.0], [0.5]]) + 1
    >>> model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    >>> model.compile(gn.optimizers.NaturalGradient(fisher="kronecker", damping=1e-8), "mse")
    >>> history = model.fit(x, y, epochs=2, batch_size=64, verbose=0)
    >>> model.get_weights()[0].ravel().round(3).tolist()
    [1.0, -2.0, 0.5]
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        fisher: str = "auto",
        damping: float = 0.01,
        adapt_damping: bool = True,
        rescale: bool = True,
        momentum: float = 0.9,
        kl_clip: float | None = None,
        decay: float = 0.95,
        refresh: int = 10,
        samples: int | None = 1,
        largest: int = 2000,
        seed: int = 0,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, name=name)
        what = "NaturalGradient"
        self.fisher = one_of(fisher, ("auto", "exact", "kronecker"), f"{what}: fisher")
        self.damping = number(damping, f"{what}: damping", above=0)
        self.adapt_damping = bool(adapt_damping)
        self.rescale = bool(rescale)
        self.momentum = number(momentum, f"{what}: momentum", least=0, most=1)
        self.kl_clip = None if kl_clip is None else number(kl_clip, f"{what}: kl_clip", above=0)
        self.decay = number(decay, f"{what}: decay", least=0, most=1)
        self.refresh = whole(refresh, f"{what}: refresh", least=1)
        self.samples = None if samples is None else whole(samples, f"{what}: samples", least=1)
        self.largest = whole(largest, f"{what}: largest", least=1)
        self.seed = whole(seed, f"{what}: seed", least=0)
        # 0 says that no step was made yet.
        self._damping = self.add_variable((), "zeros", "float64", name="damping")
        self._refreshes = self.add_variable((), "zeros", "int64", name="refreshes")
        self._statistics: WeakKeyDictionary[Objective, Statistics] = WeakKeyDictionary()

    # --- state --------------------------------------------------------------------------------
    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if not self._factors(sum(int(np.prod(v.value.shape)) for v in variables)):
            return
        for variable in variables:
            self.add_variable_from_reference(variable, "step")
            self.add_variable_from_reference(variable, "fisher_diagonal")
            shape = variable.value.shape
            if kronecker.factored(shape, self.largest):
                sides = (int(np.prod(shape[:-1])) + 1, shape[-1]) * 2
                path = (variable.path or "variable").replace("/", "_")
                for side, short in zip(sides, STATE, strict=True):
                    made = self.add_variable((side, side), "zeros", "float64", f"{path}_{short}")
                    self._slots[id(variable), short] = made

    def _factors(self, size: int) -> bool:
        return self.fisher == "kronecker" or (self.fisher == "auto" and size > MATRIX_LIMIT)

    # --- one step -----------------------------------------------------------------------------
    def move(self, problem: Problem, x: Vector) -> Move:
        if not problem.has_outputs:
            raise ValueError(
                "NaturalGradient needs a loss of outputs: a network, or a function that gives the "
                "vector of residuals r(x), which stands for ½ ‖r(x)‖². This function gives a "
                "single number; use Newton, NewtonCG or LBFGS for it."
            )
        plain = self.fisher == "auto" and not self.built
        if plain or not self._factors(problem.size):
            return self._exact(problem, x)
        statistics = self._statistics_of(problem)
        if statistics.blocks:
            return self._kronecker(problem, x, statistics)
        if self.fisher == "auto":
            move = self._exact(problem, x)
            move.notes.append("No layer has Kronecker factors: F was used by products with it.")
            return move
        raise ValueError(
            "NaturalGradient(fisher='kronecker') found no weights that a matrix product or a "
            f"convolution uses once, of at most {self.largest} rows and columns. Write "
            "fisher='exact', or a larger largest=…."
        )

    def _start(self, x: Vector, before: float, g: Vector) -> Move:
        damping = float(self._damping.value) or self.damping
        return Move(x, before, before, float(np.linalg.norm(g)), rate=self.rate(), damping=damping)

    def _exact(self, problem: Problem, x: Vector) -> Move:
        before, g = look(problem, x, "NaturalGradient")
        move = self._start(x, before, g)
        system: MatrixSystem | ProductSystem
        if problem.size <= MATRIX_LIMIT:
            precision = float(np.finfo(problem.objective.loss.dtype).eps)
            system = MatrixSystem(problem.gauss_newton(x), np.ones(problem.size), precision)
        else:
            system = ProductSystem(problem, x, 1e-3, 100)
        p, curved = system.solve(g, move.damping or 0.0)
        move.eigenvalues = system.eigenvalues
        if system.negative:
            move.notes.append(NOT_CONVEX)
        move.rate *= self._shortening(curved * move.rate**2, move)
        self._take(problem, move, move.rate * p, float(g @ p) * move.rate, curved * move.rate**2)
        self._adapt(move, 2 / 3)
        return move

    def _kronecker(self, problem: Problem, x: Vector, statistics: Statistics) -> Move:
        if int(self._iterations.value) < 3 or int(self._iterations.value) % self.refresh == 0:
            before, g, state, notes = self._refreshed(problem, x, statistics)
        else:
            before, g = look(problem, x, "NaturalGradient")
            state, notes = {}, []
        move = self._start(x, before, g)
        move.state, move.notes = state, notes
        p = -self._preconditioned(problem, g, statistics, move)
        last = problem.joined([self.slot(v, "step").value for v in self._trainable])
        if self.rescale:
            step, curved = self._best(problem, statistics, g, p, last, move)
        else:
            step, curved = self._plain(g, p, last, move)
        self._take(problem, move, step, float(g @ step), curved)
        self._adapt(move, 0.95)
        taken = problem.split(move.x - x)
        for variable, part in zip(self._trainable, taken, strict=True):
            move.state[self.slot(variable, "step")] = part.astype(variable.dtype)
        return move

    # --- the factors --------------------------------------------------------------------------
    def _statistics_of(self, problem: Problem) -> Statistics:
        objective = problem.objective
        if len(self._trainable) != len(objective.points):
            raise ValueError(
                "NaturalGradient(fisher='kronecker') is for networks: it was not built for these "
                "weights. Write fisher='exact' for a plain function."
            )
        if objective not in self._statistics:
            self._statistics[objective] = Statistics(objective, self.largest)
        return self._statistics[objective]

    def _refreshed(
        self, problem: Problem, x: Vector, statistics: Statistics
    ) -> tuple[float, Vector, dict[Variable, Any], list[str]]:
        """Return loss, gradient, new factors with their inverses, and what there is to tell."""
        before, g, z, inputs = statistics.look(problem, x)
        if not (np.isfinite(before) and np.isfinite(g).all()):
            look(problem, x, "NaturalGradient")
        count, step = int(self._refreshes.value), int(self._iterations.value)
        rng = philox(self.seed, 0, step)
        outputs, diagonals, roots = statistics.fisher(problem, x, z, rng, self.samples)
        kept = min(1 - 1 / (count + 1), self.decay)
        state: dict[Variable, Any] = {self._refreshes: count + 1}
        penalties = statistics.penalty(problem, x)
        damping = float(self._damping.value) or self.damping
        for block, a, b in zip(statistics.blocks, inputs, outputs, strict=True):
            own = np.mean(np.concatenate([penalties[i].ravel() for i in block.leaves]))
            self._update_factors(state, block, a, b, kept, damping + float(own))
        for leaf, diagonal in zip(statistics.others, diagonals, strict=True):
            slot = self.slot(self._trainable[leaf], "fisher_diagonal")
            mean = kept * slot.value + (1 - kept) * (diagonal + penalties[leaf])
            state[slot] = mean.astype(slot.dtype)
        notes = [] if all(r.convex for r in roots) else [NOT_CONVEX]
        if count == 0:
            notes.append(self._told(statistics))
        return before, g, state, notes

    def _update_factors(
        self,
        state: dict[Variable, Any],
        block: kronecker.Block,
        a: np.ndarray,
        b: np.ndarray,
        kept: float,
        damping: float,
    ) -> None:
        kernel = self._trainable[block.kernel]
        slots = [self.slot(kernel, short) for short in STATE]
        n = len(a)  # without a bias the last row and column stay empty
        a = kept * slots[0].value[:n, :n] + (1 - kept) * a
        b = kept * slots[1].value + (1 - kept) * b
        inverse_a, inverse_b = kronecker.damped_inverses(a, b, damping)
        for slot, value in zip(slots, (a, b, inverse_a, inverse_b), strict=True):
            wide = np.zeros(slot.value.shape)
            wide[: len(value), : len(value)] = value
            state[slot] = wide

    def _told(self, statistics: Statistics) -> str:
        layers = len(statistics.blocks)
        text = f"Kronecker factors for {layers} layer{'s' * (layers != 1)}"
        names = [self._trainable[i].path or f"weight {i}" for i in statistics.others]
        if not names:
            return f"{text}: all weights."
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        return f"{text}; by the diagonal of the Fisher matrix: {', '.join(names[:4])}{more}."

    def _preconditioned(
        self, problem: Problem, g: Vector, statistics: Statistics, move: Move
    ) -> Vector:
        """Return the inverse of the factors times the gradient."""

        def now(variable: Variable, short: str) -> np.ndarray:
            slot = self.slot(variable, short)
            return np.asarray(move.state.get(slot, slot.value), np.float64)

        parts = problem.split(g)
        found = list(parts)
        for block in statistics.blocks:
            kernel = self._trainable[block.kernel]
            bias = None if block.bias is None else parts[block.bias]
            matrix = kronecker.joined(parts[block.kernel], bias)
            n = len(matrix)
            solved = now(kernel, STATE[2])[:n, :n] @ matrix @ now(kernel, STATE[3])
            rows = n if block.bias is None else n - 1
            found[block.kernel] = solved[:rows].reshape(parts[block.kernel].shape)
            if block.bias is not None:
                found[block.bias] = solved[-1]
        for leaf in statistics.others:
            diagonal = now(self._trainable[leaf], "fisher_diagonal")
            found[leaf] = parts[leaf] / (diagonal + (move.damping or 0.0))
        return problem.joined(found)

    # --- the length of the step ---------------------------------------------------------------
    def _best(
        self,
        problem: Problem,
        statistics: Statistics,
        g: Vector,
        p: Vector,
        last: Vector,
        move: Move,
    ) -> tuple[Vector, float]:
        """Return η (α p + μ d) and its δᵀ F δ, with α and μ from the quadratic model."""
        directions = [p, last] if np.any(last) and self.momentum else [p]
        curved = statistics.curvatures(problem, move.x, directions)
        lengths = np.array([[d @ e for e in directions] for d in directions])
        slopes = np.array([g @ d for d in directions])
        damped = curved + (move.damping or 0.0) * lengths
        rates = -np.linalg.lstsq(damped, slopes, rcond=None)[0] * move.rate
        rates *= self._shortening(float(rates @ curved @ rates), move)
        move.rate = float(rates[0])
        step = sum((r * d for r, d in zip(rates, directions, strict=True)), np.zeros_like(p))
        return step, float(rates @ curved @ rates)

    def _plain(self, g: Vector, p: Vector, last: Vector, move: Move) -> tuple[Vector, float]:
        """Return η p + μ d; for p, where F̂ p = -g, δᵀ F δ is at most -η² gᵀp."""
        curved = -float(g @ p) * move.rate**2
        shorter = self._shortening(curved, move)
        move.rate *= shorter
        return move.rate * p + self.momentum * last, curved * shorter**2

    def _shortening(self, curved: float, move: Move) -> float:
        if self.kl_clip is None or curved <= 2 * self.kl_clip:
            return 1.0
        shorter = float(np.sqrt(2 * self.kl_clip / curved))
        move.notes.append(f"The step was shortened to {shorter:.2g} of it, by kl_clip.")
        return shorter

    def _take(
        self, problem: Problem, move: Move, step: Vector, slope: float, curved: float
    ) -> None:
        """Take the step, or the first of its halves that does not climb."""
        room = rounding(problem, move.before)
        part = 1.0
        for halved in range(HALVINGS + 1):
            after = height(problem, move.x + part * step)
            move.predicted = -part * slope - part**2 * curved / 2
            if after <= move.before + room:
                move.x, move.after = move.x + part * step, after
                move.rate *= part
                if halved:
                    move.notes.append(f"The whole step would climb; {part:g} of it was taken.")
                return
            part /= 2
        move.rate, move.predicted = 0.0, 0.0
        move.notes.append("The loss went down nowhere along the step: the weights stayed.")

    def _adapt(self, move: Move, factor: float) -> None:
        """Make λ smaller where the promise was kept, larger where it was not."""
        damping = move.damping or self.damping
        if not self.adapt_damping or move.predicted is None:
            return
        gain = move.decrease / move.predicted if move.predicted > 0 else 0.0
        if gain > 0.75:
            damping *= factor
        elif gain < 0.25:
            damping /= factor
        move.state[self._damping] = max(damping, 1e-12)
