"""What is printed is what is computed: 200 networks, three notations, read from the LaTeX alone.

Each network is read in one notation always, in the other two with ``--thorough``.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn import drawn
from interpreter.functions import FUNCTIONS as KNOWN
from interpreter.run import Interpreter
from interpreter.tokens import Unreadable
from thorough import first
from witness import NOTATIONS, TOLERANCE, Computed, differences, engine, in_float64, read

import glassnet as gn
from glassnet.activations import ACTIVATIONS
from glassnet.formulas import FUNCTIONS, Function
from glassnet.losses import LOSSES
from glassnet.ops.functions import Tanh
from glassnet.optimizers import OPTIMIZERS

COUNT = 200
CHUNK = 10
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _float64():
    with in_float64():
        yield


def wrong(found: dict[str, float]) -> dict[str, float]:
    """Return what differs by more than rounding."""
    return {name: error for name, error in found.items() if not error < TOLERANCE}


@pytest.mark.parametrize("turn", first(1, range(len(NOTATIONS))))
@pytest.mark.parametrize("start", range(0, COUNT, CHUNK))
def test_printed_equations_give_the_engines_gradients(start, turn):
    """J, every gradient and every weight after the step, the notations taking turns."""
    for seed in range(start, start + CHUNK):
        network = drawn(seed)
        expected = engine(network.model, network.x, network.y)
        notation = NOTATIONS[(seed + turn) % len(NOTATIONS)]
        derivation = network.model.derive(network.x, network.y, notation=notation)
        found = differences(derivation, network.x, network.y, expected)
        assert len(found) > len(network.model.trainable_weights)
        assert not wrong(found), f"network {seed} in {notation} notation"


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("seed", [3, 8, 14, 94, 116])
def test_the_document_says_the_same(seed, notation):
    """The equations as they stand in the LaTeX document, broken into lines."""
    network = drawn(seed)
    expected = engine(network.model, network.x, network.y)
    derivation = network.model.derive(network.x, network.y, notation=notation)
    found = differences(derivation, network.x, network.y, expected, document=True)
    assert not wrong(found)


def test_every_activation_loss_and_optimizer_is_drawn():
    networks = [drawn(seed) for seed in range(COUNT)]
    assert set().union(*(n.activations for n in networks)) == set(ACTIVATIONS.entries)
    assert set().union(*(n.losses for n in networks)) == set(LOSSES.entries)
    optimizers = {type(n.model.optimizer) for n in networks}
    known = OPTIMIZERS.entries.values()
    assert optimizers == {k for k in known if not getattr(k, "needs_objective", False)}
    assert len(set().union(*(n.blocks for n in networks))) > 15
    kinds = {type(layer).__name__ for n in networks for layer in n.model.layers}
    assert len(kinds) > 30
    assert {len(n.model.outputs) for n in networks} == {1, 2}
    assert {len(n.model.inputs) for n in networks} == {1, 2}


# --- a planted fault --------------------------------------------------------------------------
def hidden_tanh():
    """Return a network of tanh and a batch."""
    rng = np.random.default_rng(0)
    layers = gn.layers
    model = gn.Sequential([gn.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model, rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def quotients(model, x, y, name: str) -> np.ndarray:
    """Return the difference quotients of the loss by a weight, which ask no rule."""
    place = [w.name for w in model.weights].index(name)
    weights = model.get_weights()
    result = np.zeros(weights[place].shape)
    h = 1e-6
    for entry in np.ndindex(*result.shape):
        costs = []
        for sign in (1, -1):
            moved = [w.copy() for w in weights]
            moved[place][entry] += sign * h
            model.set_weights(moved)
            costs.append(engine(model, x, y).cost)
        result[entry] = (costs[0] - costs[1]) / (2 * h)
    model.set_weights(weights)
    return result


def both(model, x, y, notation: str) -> tuple[str, np.ndarray, Computed]:
    """Return the text, the printed dW1 (as the engine keeps it), and what the engine computes."""
    derivation = model.derive(x, y, notation=notation)
    printed = read(derivation, x, y)[r"\mathrm{d}W^{[1]}"]
    expected = engine(model, x, y)
    assert not wrong(differences(derivation, x, y, expected))
    texts = "\n".join(step.text for step in derivation.steps)
    return texts, printed if notation == "keras" else printed.T, expected


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_wrong_rule_shows_in_text_and_run_alike(monkeypatch, notation):
    """The text is made of the rule that runs, so it cannot be right where the run is wrong."""
    model, x, y = hidden_tanh()
    slopes = quotients(model, x, y, "kernel")
    right_text, right, _ = both(model, x, y, notation)
    np.testing.assert_allclose(right, slopes, rtol=1e-5, atol=1e-8)
    monkeypatch.setattr(Tanh, "vjp", lambda self, g, y, x: (g * (1 - y * y * y),))
    wrong_text, printed, ran = both(model, x, y, notation)
    assert wrong_text != right_text
    np.testing.assert_allclose(printed, ran.slopes["W1"], rtol=1e-12)
    assert np.linalg.norm(printed - slopes) > 0.01 * np.linalg.norm(slopes)
    monkeypatch.undo()
    assert both(model, x, y, notation)[0] == right_text


# --- the interpreter itself -------------------------------------------------------------------
def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found


def test_the_interpreter_knows_nothing_of_the_library():
    modules = list((HERE / "interpreter").glob("*.py"))
    assert len(modules) >= 7
    allowed = {"interpreter", "numpy", *sys.stdlib_module_names}
    for path in modules:
        assert imported(path) <= allowed, path.name


def printed_functions() -> dict[str, bool]:
    """Return how pages write the functions of the library; whether each is a distribution."""
    found = {}
    helpers = set()
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "glassnet":
            for function in [f for f in vars(module).values() if isinstance(f, Function)]:
                found[function.latex] = function.drawn
                helpers |= {FUNCTIONS[n].latex for n in function.needs if n in HELPERS}
    return {latex: drawn for latex, drawn in found.items() if latex not in helpers}


HELPERS = {"each", "pairs", "padded", "seen", "windows", "part", "numbered", "philox", "drawn"}
"""Functions that emitted programs define for others, and no page shows."""


def test_every_function_is_in_the_table_and_known_to_the_interpreter():
    page = (HERE.parents[1] / "docs" / "formula-grammar.md").read_text(encoding="utf-8")
    table = page[page.index("### The functions") :]
    functions = printed_functions()
    assert len(functions) > 80
    for latex, is_drawn in functions.items():
        assert latex in table, f"docs/formula-grammar.md tells nothing of {latex}"
        name = latex.removeprefix(r"\operatorname{").rstrip("}").removeprefix("\\")
        assert is_drawn or name in KNOWN, f"the interpreter does not know {name}"


def value(latex: str, **quantities) -> np.ndarray:
    interpreter = Interpreter(quantities)
    interpreter.run([f"R = {latex}"])
    return interpreter["R"]


A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
B = np.array([[2.0, 1.0, -1.0]])


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"A B^{\top}", A @ B.T),
        (r"A \odot B", A * B),
        (r"2 A - B \odot A", 2 * A - B * A),
        (r"-A^{2} + 1", -(A**2) + 1),
        (r"\left(-A\right)^{2}", A**2),
        (r"\frac{1}{2} \sum_{i} A_{i:}", A.sum(0, keepdims=True) / 2),
        (r"\sum_{j} A_{:j}", A.sum(1, keepdims=True)),
        (r"\sum_{i,j} \left(A \odot A\right)_{ij}", (A * A).sum()),
        (r"\max_{j} A_{:j}", A.max(1, keepdims=True)),
        (r"\sum_{j} B_{j}", B.sum()),
        (r"\left[ A > 0 \right]", np.array([[1.0, 0, 1], [1, 1, 0]])),
        (r"[A \le B]", np.array([[1.0, 1, 0], [1, 0, 1]])),
        (r"\begin{cases} A & \text{where } A > 0 \\ B & \text{elsewhere} \end{cases}",
         np.array([[1.0, 1, 3], [0.5, 4, -1]])),
        (r"1.5 \cdot 10^{-3} A", 1.5e-3 * A),
        (r"\frac{A}{B} \odot A", A / B * A),
        (r"\exp\left(\frac{A}{2}\right)", np.exp(A / 2)),
        (r"\sqrt{A^{2}}", np.abs(A)),
        (r"\operatorname{reshape}_{3 \times 2}(A)", A.reshape(3, 2)),
        (r"\bigl( A + B \bigr) \odot A", (A + B) * A),
    ],
)  # fmt: skip
def test_grammar(latex, expected):
    np.testing.assert_allclose(value(latex, A=A, B=B), expected)


def test_names_are_told_from_places_and_powers():
    quantities = {
        r"A_{2}^{[1]}": A, r"\mathrm{d}Z^{[2](1)}": B, r"\bar{\mu}^{[1]}": B, "W^{[1]}": A,
        r"M_{W^{[1]}}": 3 * A, r"\sigma": np.float64(2), "m": np.float64(2),
    }  # fmt: skip
    interpreter = Interpreter(quantities)
    interpreter.run([
        r"P = A_{2}^{[1]} \mathrm{d}Z^{[2](1)\top}",
        r"Q = \sum_{i=1}^{m} W_{i:}^{[1]} + \bar{\mu}^{[1]}",
        r"R = \left(W^{[1]}\right)^{2} - M_{W^{[1]}}",
        r"S = \sigma (3 + 1)",
        r"T = \sigma(3 - 3)",
        r"b = \frac{1}{m} \quad \in \mathbb{R}^{m \times 1}",
        r"W^{[1]} \leftarrow 2 W^{[1]}",
        r"U = W^{[1]}",
    ])  # fmt: skip
    np.testing.assert_allclose(interpreter["P"], A @ B.T)
    np.testing.assert_allclose(interpreter["Q"], A.sum(0, keepdims=True) + B)
    np.testing.assert_allclose(interpreter["R"], A**2 - 3 * A)
    assert (interpreter["S"], interpreter["T"]) == (8, 0.5)
    np.testing.assert_array_equal(interpreter["b"], [[0.5], [0.5]])
    np.testing.assert_array_equal(interpreter["U"], 2 * A)


@pytest.mark.parametrize(
    "latex",
    [
        "A +", r"\frac{A}", r"\left(A", "A)", r"\operatorname{unheardof}(A)", "C", r"\sum_{i} A",
        r"\sum_{i} A_{jk}", r"A_{i:}", "A B", r"\text{words}", r"A^{", r"\sum_{i} A_{i::}",
    ],
)  # fmt: skip
def test_what_is_not_in_the_grammar_is_refused(latex):
    with pytest.raises((Unreadable, ValueError)):
        value(latex, A=A, B=A)


def test_a_column_is_no_row():
    with pytest.raises(Unreadable, match="is stated"):
        Interpreter({"A": A}).run([r"b = \sum_{j} A_{:j} \in \mathbb{R}^{1 \times 2}"])
    with pytest.raises(Unreadable, match="is stated"):
        Interpreter({"A": A}).run([r"b = A \in \mathbb{R}^{3 \times 2}"])


def test_functions_against_scipy():
    """The witness is witnessed: what SciPy has too is the same."""
    signal = pytest.importorskip("scipy.signal")
    special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 5, 6, 2)), rng.normal(size=(3, 2, 2, 4))
    found = KNOWN["corr"].compute(x, w)
    for i in range(2):
        for f in range(4):
            planes = [signal.correlate2d(x[i, :, :, c], w[:, :, c, f], "valid") for c in range(2)]
            np.testing.assert_allclose(found[i, :, :, f], sum(planes))
    back = KNOWN["fullconv"].compute(found, w)
    for c in range(2):
        planes = [signal.convolve2d(found[0, :, :, f], w[:, :, c, f]) for f in range(4)]
        np.testing.assert_allclose(back[0, :, :, c], sum(planes))
    g = rng.normal(size=found.shape)
    kernel = KNOWN["kernelcorr"].compute(x, g)
    np.testing.assert_allclose((kernel * w).sum(), (found * g).sum())  # <dW, W> = <G, Z>
    np.testing.assert_allclose(KNOWN["softmax"].compute(A, -1), special.softmax(A, -1))
    np.testing.assert_allclose(KNOWN["logsoftmax"].compute(A, 0), special.log_softmax(A, 0))
    np.testing.assert_allclose(KNOWN["logsumexp"].compute(A, 1)[:, 0], special.logsumexp(A, 1))
    np.testing.assert_allclose(KNOWN["Phi"].compute(A), special.ndtr(A))
    np.testing.assert_allclose(KNOWN["sigma"].compute(A), special.expit(A))
    np.testing.assert_allclose(KNOWN["erf"].compute(A), special.erf(A))
