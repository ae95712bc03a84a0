"""What a model shows of itself: its derivation, its code, its picture. The readers stand above.

Data flows one way, so this module does not know `glassnet.explain`: the package names it once, and
it is loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from glassnet.callbacks.history import use_history_display
from glassnet.utils.pictures import use_plotter

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation
    from glassnet.explain.planned import PlanExplanation

_readers: list[Callable[[], Any]] = []


def use_readers(load: Callable[[], Any]) -> None:
    """Name the function that loads the readers of models; the package calls this once."""
    _readers[:] = [load]


def readers() -> Any:
    """Return the module of readers."""
    return _readers[0]()


# What stands below the models is shown by the same readers.
use_history_display(lambda history: readers().history_html(history))
use_plotter(lambda *args, **kwargs: readers().plot_model(*args, **kwargs))


class Explained:
    """The methods by which a model explains itself."""

    def derive(
        self, x: Any = None, y: Any = None, *, notation: str | None = None, level: str = "matrix"
    ) -> Derivation:
        r"""Return backpropagation through this network, written out.

        Forward pass, cost, the derivative by every quantity, update.

        Args:
            x: inputs of a batch; with ``y`` every quantity has its value, and every derivative
                stands beside its difference quotient.
            y: the targets.
            notation: ``"keras"`` (examples as rows, Z = A W + b: what runs), ``"course"``
                (examples as columns, Z = W A + b), ``"torch"`` (y = x Wᵀ + b); by default what
                `glassnet.config.set_notation` chose.
            level: ``"matrix"``; or ``"scalar"``, which also writes every partial derivative of a
                small network out, entry by entry.

        Raises:
            ValueError: where the model is not built or not compiled, the batch does not fit, or
                notation or level are unknown.

        >>> import glassnet as gn
        >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
        >>> model.compile("sgd", "binary_crossentropy")
        >>> d = model.derive(notation="course")
        >>> print(d.unicode("dZ1"))
        dZ[1] = A[1] − Y
        >>> print(d.unicode("dW1"))
        dW[1] = 1/m · dZ[1] Xᵀ
        """
        return readers().derive(self, x, y, notation=notation, level=level)

    def code(
        self,
        framework: str = "numpy",
        *,
        notation: str | None = None,
        weights: str | None = "trained",
    ) -> str:
        """Return a program for this network: NumPy alone, or Keras's or PyTorch's source.

        Args:
            framework: ``"numpy"``: initialisation, forward and backward pass, update and training
                loop with nothing but ``import numpy``; ``"keras"`` or ``"torch"``: the same network
                with the same weights.
            notation: the notation of the NumPy program, as for `derive`.
            weights: ``"trained"`` puts the weights as they are into the program; ``"fresh"`` (NumPy
                alone) has it draw them.

        The program proves its own equality: run it with ``--check``.

        Raises:
            ValueError: where the model is not built or, for NumPy, not compiled; for an unknown
                framework, notation or choice of weights.

        >>> import glassnet as gn
        >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
        >>> model.compile("sgd", "binary_crossentropy")
        >>> "dW1 = X.T @ dZ1" in model.code()
        True
        """
        return readers().code_of(self, framework, notation=notation, weights=weights)

    def explain_plan(
        self, x: Any = None, y: Any = None, batch_size: int = 32, kind: str = "train"
    ) -> PlanExplanation:
        """Return what the native engine runs for a step: every instruction, and what it costs.

        Args:
            x: inputs; by default only shapes are used, as far as the model knows them.
            y: the targets.
            batch_size: the examples of a batch; no more than there are in ``x``.
            kind: ``"train"``, ``"test"`` (a step of `evaluate`) or ``"predict"``.

        Print it; ``lines``, ``totals`` and ``choice`` are the same as data. Nothing is compiled,
        and Numba need not be installed.

        Raises:
            ValueError: where the model is not built, or not compiled; where the batch does not
                fit; where a step of the optimizer is no single graph.

        >>> import glassnet as gn
        >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
        >>> plan = model.explain_plan(kind="predict", batch_size=4)
        >>> for line in plan.lines:
        ...     print(line.kernel, line.ops, line.operations)
        products.tiny:f4 ('matmul + add',) 20
        executor.cluster ('sigmoid',) 4
        """
        return readers().explain_plan(self, x, y, batch_size, kind)

    def _repr_html_(self) -> str:
        return readers().model_html(self)
