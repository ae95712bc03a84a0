"""Whether the layer runs at all."""

from __future__ import annotations

from glassnet.explain.doctor.twins import Run, twin
from glassnet.graph.dimension import display
from glassnet.nest import flatten
from glassnet.testing.layer.registry import failed, layer_check, passed
from glassnet.testing.layer.report import Result
from glassnet.testing.layer.specimen import Specimen, told

IN_PLACE = "X = X - X.mean()  # a new array; X -= … writes into what other layers use too"
"""What to write where an input was written into."""


_COLUMNS = """\
def forward(self, X):   # (m, n)
    self.X = X
    return X @ self.W.T + self.b.T
def backward(self, dY):
    self.dW = dY.T @ self.X
    self.db = dY.sum(axis=0, keepdims=True).T
    return dY @ self.W"""


def runs_on_columns(specimen: Specimen) -> bool:
    """Whether a layer that does not run on rows runs on their transpose, and gives columns."""
    x = specimen.inputs
    if isinstance(x, (list, dict)) or x.ndim != 2 or not specimen.float_inputs:
        return False
    try:
        run = Run(twin(specimen.given), x.T.copy(), training=False, named=False)
        outputs = run.forward(x.T)
    except Exception:
        return False
    return all(y.ndim == 2 and y.shape[1] == len(x) for y in outputs)


@layer_check("forward")
def forward(specimen: Specimen) -> Result:
    """The layer can be built, and called on a batch of any size."""
    error = specimen.trouble
    if error is None:
        shapes = " and ".join(display(t.shape) for t in specimen.run().outputs)
        given = " and ".join(display(p.shape) for p in specimen.run().placeholders)
        return passed(f"from {given} to {shapes}")
    if "read-only" in str(error):
        return failed(
            f"forward writes into its input or its weights: {told(error)}", IN_PLACE, detail=error
        )
    if runs_on_columns(specimen):
        x = specimen.inputs
        return failed(
            f"It runs where examples are columns, X of shape ({x.shape[1]}, m). In glassnet they "
            f"are rows, (m, {x.shape[1]}): {told(error)}.",
            _COLUMNS,
            detail=error,
        )
    if "forget the return" in str(error):
        return failed(f"It does not run: {told(error)}", "return Y  # at the end of forward",
                      detail=error)  # fmt: skip
    notes = [n for n in getattr(error, "__notes__", ()) if "zeros" in n]
    hint = ""
    if notes:
        hint = (
            "forward is tried on zeros, with batches of 2, 3 and 4 examples, to learn the shape of "
            "its output: take the size of the batch from X.shape[0]"
        )
    elif isinstance(error, (IndexError, TypeError)) and "integer" in str(error):
        hint = "where the inputs are whole numbers: check_layer(layer, np.array([[0, 2, 1]]))"
    elif any(len(a.shape) < 2 for a in flatten(specimen.inputs)):
        hint = "the inputs have the batch in front: (m, 4), not (4,)"
    return failed(f"It does not run: {told(error)}.", hint, detail=error)
