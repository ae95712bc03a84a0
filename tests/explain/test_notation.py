"""The notations: the switch, shapes, weights moved between them, the table, what messages add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import config, layers
from glassnet.config import NOTATIONS
from glassnet.explain import convert_weights, get_notation, notation_table, shape
from glassnet.explain.naming import name_nodes
from glassnet.explain.recorded import record_step
from glassnet.graph import Dim
from glassnet.models.data import Batch
from glassnet.notation import LAYOUTS, arrangement, shape_text

m = Dim.named("m")


@pytest.fixture(autouse=True)
def keras_notation() -> Iterator[None]:
    config.set_notation("keras")
    yield
    config.set_notation("keras")


def perceptron() -> gn.Sequential:
    return gn.Sequential(
        [
            gn.Input((4,), name="x"),
            layers.Dense(3, "tanh", name="hidden"),
            layers.Dense(2, name="out"),
        ],
        name="small",
    )


def randomized(model: Any) -> Any:
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


# --- the switch -------------------------------------------------------------------------------
def test_the_switch() -> None:
    assert config.notation() == "keras"
    assert get_notation().name == "keras"
    for name in NOTATIONS:
        config.set_notation(name)
        assert config.notation() == name
        assert get_notation().name == name
        assert get_notation(get_notation("course")).name == "course"


def test_an_unknown_notation_names_the_three() -> None:
    expected = r"expected one of 'keras', 'course', 'torch'; got {}\. Did you mean {}\?"
    with pytest.raises(ValueError, match=expected.format("'Torch'", "'torch'")):
        config.set_notation("Torch")
    assert config.notation() == "keras"
    for wrong in (lambda: get_notation("curse"), lambda: perceptron().summary(notation="curse"),
                  lambda: convert_weights(perceptron(), "curse"),
                  lambda: shape((2, 3), notation="curse")):  # fmt: skip
        with pytest.raises(ValueError, match=expected.format("'curse'", "'course'")):
            wrong()
    with pytest.raises(ValueError, match=r"got 3\.$"):
        config.set_notation(3)  # type: ignore[arg-type]


# --- shapes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("own", "kind", "course", "torch"),
    [
        ((32, 25), "examples", (25, 32), (32, 25)),
        ((m, 25), "examples", (25, m), (m, 25)),
        ((None, 25), "examples", (25, None), (None, 25)),
        ((m,), "examples", (m,), (m,)),
        ((), "examples", (), ()),
        ((m, 7, 3), "examples", (m, 7, 3), (m, 7, 3)),
        ((m, 28, 28, 1), "examples", (m, 28, 28, 1), (m, 28, 28, 1)),
        ((25, 10), "kernel", (10, 25), (10, 25)),
        ((10,), "vector", (10, 1), (10,)),
        ((5, 4, 3, 8), "filters", (5, 4, 3, 8), (8, 3, 5, 4)),
        ((5, 4, 3, 2), "depthwise", (5, 4, 3, 2), (6, 1, 5, 4)),
        ((1000, 30), "table", (30, 1000), (1000, 30)),
        ((1, 1, 8), "slopes", (1, 1, 8), (8,)),
        ((4, 4, 8), "slopes", (4, 4, 8), (4, 4, 8)),
        ((8,), "slopes", (8, 1), (8,)),
        ((2, 3), "as it is", (2, 3), (2, 3)),
    ],
)
def test_shapes_in_each_notation(own: Any, kind: str, course: Any, torch: Any) -> None:
    assert shape(own, kind) == own
    assert [shape(own, kind, n) for n in NOTATIONS] == [own, course, torch]
    config.set_notation("course")
    assert shape(own, kind) == course


def test_shapes_of_tensors_and_arrays() -> None:
    assert shape(gn.Input((25,)), notation="course") == (25, m)
    assert shape(np.zeros((3, 2)), notation="course") == (2, 3)
    assert shape(gn.Variable(np.zeros((3, 2))), "kernel", "torch") == (2, 3)


def test_a_vector_is_a_column_beside_matrices_alone() -> None:
    assert arrangement("vector", (5,), "course", rank=2).shape == (5, 1)
    assert arrangement("vector", (5,), "course", rank=4).shape == (5,)


def test_unknown_kinds_and_kinds_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"got 'kernal'\. Did you mean 'kernel'"):
        shape((2, 3), "kernal", "course")
    for kind, own in (("kernel", (2, 3, 4)), ("table", (2,)), ("filters", (2, 3))):
        with pytest.raises(ValueError, match=rf"is no '{kind}'"):
            shape(own, kind, "torch")


def test_shapes_as_text() -> None:
    assert shape_text((None, 25)) == "(m, 25)"
    assert shape_text((None, 25), "course") == "(25, m)"
    assert shape_text((None, 7, None), "course") == "(m, 7, None)"


@pytest.mark.parametrize("kind", LAYOUTS)
def test_what_lies_where_is_found_by_its_indices(kind: str) -> None:
    """Entry by entry, in loops: where torch and the course have what stands at an index here."""
    own = {"vector": (5,), "kernel": (5, 4), "table": (5, 4), "slopes": (1, 1, 3)}.get(
        kind, (2, 3) if kind in ("examples", "as it is") else (2, 3, 4, 5, 6)
    )
    array = np.arange(np.prod(own), dtype=np.float64).reshape(own)
    torch = arrangement(kind, own, "torch").of(array)
    course = arrangement(kind, own, "course").of(array)
    for index in np.ndindex(*own):
        *cells, a, b = (0, 0, *index)[-max(2, len(own)) :]
        in_torch: Any = {
            "kernel": (b, a),
            "filters": (b, a, *cells),
            "depthwise": (a * own[-1] + b, 0, *cells),
            "slopes": (b,),
        }.get(kind, index)
        in_course: Any = {
            "kernel": (b, a),
            "table": (b, a),
            "examples": (b, a),
            "vector": (b, 0),
        }.get(kind, index)
        assert torch[in_torch] == array[index]
        assert course[in_course] == array[index]


# --- weights ----------------------------------------------------------------------------------
def test_names_and_order() -> None:
    model = perceptron()
    parameters = convert_weights(model, "keras")
    assert list(parameters) == ["W1", "b1", "W2", "b2"]
    for array, own in zip(parameters.values(), model.get_weights(), strict=True):
        assert np.array_equal(array, own)


def test_the_courses_program_computes_the_same() -> None:
    """Forward as the course writes it: columns, W A + b, a normalization with (n, 1)."""
    model = randomized(
        gn.Sequential(
            [
                gn.Input((4,), dtype="float64"),
                layers.Dense(5, "relu", dtype="float64"),
                layers.BatchNormalization(dtype="float64"),
                layers.Dense(2, "sigmoid", dtype="float64"),
            ]
        )
    )
    X = np.random.default_rng(0).integers(-9, 9, size=(4, 6)) / 8  # exact in float32
    p = convert_weights(model, "course")
    gamma, beta, mean, variance = p["gamma2"], p["beta2"], p["mubar2"], p["Vbar2"]
    assert gamma.shape == beta.shape == mean.shape == variance.shape == (5, 1)
    A1 = np.maximum(0, p["W1"] @ X + p["b1"])
    A2 = gamma * (A1 - mean) / np.sqrt(variance + 1e-3) + beta
    Z = p["W3"] @ A2 + p["b3"]
    outputs = model(X.T).numpy().T
    assert np.allclose(1 / (1 + np.exp(-Z)), outputs, rtol=1e-12)


def test_a_dense_layer_after_flatten_keeps_channels_last() -> None:
    model = randomized(
        gn.Sequential([gn.Input((2, 3, 4)), layers.Flatten(), layers.Dense(5, dtype="float64")])
    )
    images = np.random.default_rng(0).normal(size=(6, 2, 3, 4)).astype(np.float32)
    channels_first = np.moveaxis(images, -1, 1)  # as torch has them
    torch = convert_weights(model, "torch")
    rows = channels_first.transpose(0, 2, 3, 1).reshape(6, -1)  # x.permute(0, 2, 3, 1).flatten(1)
    assert np.allclose(rows @ torch["W1"].T + torch["b1"], model(images).numpy(), rtol=1e-6)


def test_strange_bits_survive() -> None:
    model = perceptron()
    strange = np.array([-0.0, np.inf, -np.inf, 1e-45], np.float32)
    payload = np.array([0x7FC01234], np.uint32).view(np.float32)  # a NaN that carries bits
    kernel = np.resize(np.concatenate([strange, payload]), (4, 3))
    model.get_layer("hidden").kernel.replace_array(kernel)
    for notation in ("course", "torch"):
        there = convert_weights(model, notation)
        back = convert_weights(there, "keras", source=notation, model=model)
        assert back[0].tobytes() == kernel.tobytes()


def test_into_a_model_from_a_dictionary_or_a_list() -> None:
    source, target = randomized(perceptron()), perceptron()
    by_name = convert_weights(source, "course")
    shuffled = dict(sorted(by_name.items()))
    for given in (shuffled, list(by_name.values())):
        target.set_weights(convert_weights(given, "keras", "course", model=target))
        for ours, theirs in zip(target.get_weights(), source.get_weights(), strict=True):
            assert np.array_equal(ours, theirs)
        target.set_weights([np.zeros_like(w) for w in target.get_weights()])


def test_models_in_models_and_shared_layers() -> None:
    shared = layers.Dense(3, name="shared")
    inner = gn.Sequential([gn.Input((3,)), layers.Dense(2, name="inside")])
    inputs = gn.Input((3,))
    model = randomized(gn.Model(inputs, inner(shared(shared(inputs)))))
    found = convert_weights(model, "course")
    assert {name: array.shape for name, array in found.items()} == {
        "W1": (3, 3), "b1": (3, 1), "W2": (2, 3), "b2": (2, 1),
    }  # fmt: skip
    assert np.array_equal(found["W1"], shared.kernel.value.T)
    assert np.array_equal(found["W2"], inner.get_layer("inside").kernel.value.T)


class Backwards(gn.Model):
    """A model whose layers are made in another order than they are called."""

    def __init__(self) -> None:
        super().__init__()
        self.last = layers.Dense(1, name="last")
        self.norm = layers.BatchNormalization(name="norm")
        self.first = layers.Dense(3, name="first")

    def call(self, inputs: Any) -> Any:
        return self.last(self.norm(self.first(inputs)))


class Scaled(layers.Layer):
    """A layer with a weight, a layer in it, and names that no equation knows."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
        self.shift = self.add_weight((input_shape[-1],), "zeros", name="shift")
        self.inner = layers.Dense(2, name="inner")

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs * self.factor + self.shift)


def branched() -> gn.Model:
    left, right = gn.Input((4,), name="left"), gn.Input((4,), name="right")
    shared = layers.Dense(3, name="shared")
    inner = gn.Sequential([gn.Input((6,)), layers.Dense(5), layers.PReLU(), layers.Dense(2)])
    joined = layers.Concatenate()([shared(right), layers.Dense(3)(shared(left))])
    return gn.Model([left, right], layers.Dense(1)(inner(joined)))


def images() -> gn.Model:
    return gn.Sequential(
        [
            gn.Input((8, 8, 2)),
            layers.SeparableConv2D(3, 3),
            layers.DepthwiseConv2D(2),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (perceptron, [(4,)]),
        (Backwards, [(4,)]),
        (lambda: gn.Sequential([gn.Input((4,)), Scaled(), layers.Dense(1)]), [(4,)]),
        (branched, [(4,), (4,)]),
        (images, [(8, 8, 2)]),
    ],
)
def test_the_names_are_those_of_the_derivation(make: Any, shapes: list[tuple[int, ...]]) -> None:
    model = make()
    model.compile("sgd", "mse")
    x = [np.zeros((2, *shape), np.float32) for shape in shapes]
    given = x if len(x) > 1 else x[0]
    outputs = np.asarray(model(given))
    step = record_step(model, Batch(given, outputs))
    names = name_nodes(step).of
    converted = convert_weights(model, "keras")
    assert list(converted) == [str(names[id(w)]) for w in model.weights]
    assert len(set(converted)) == len(model.weights)


def test_layers_are_numbered_as_they_are_called() -> None:
    model = Backwards()
    model(np.zeros((2, 4)))
    found = {name: array.shape for name, array in convert_weights(model, "course").items()}
    assert found == {
        "W3": (1, 3), "b3": (1, 1), "gamma2": (3, 1), "beta2": (3, 1), "mubar2": (3, 1),
        "Vbar2": (3, 1), "W1": (3, 4), "b1": (3, 1),
    }  # fmt: skip


def test_a_layer_of_ones_own_says_how_its_weights_lie() -> None:
    class Own(layers.Layer):
        weight_layouts = {"V": "kernel", "c": "vector"}  # noqa: RUF012

        def build(self, input_shape: Any) -> None:
            self.V = self.add_weight((input_shape[-1], 3), name="V")
            self.c = self.add_weight((3,), name="c")
            self.rest = self.add_weight((2, 3), name="rest")

        def call(self, inputs: Any) -> Any:
            return inputs @ self.V + self.c + self.rest.sum()

    layer = Own()
    layer(np.zeros((5, 4)))
    for notation, expected in (("course", [(3, 4), (3, 1), (2, 3)]),
                               ("torch", [(3, 4), (3,), (2, 3)])):  # fmt: skip
        found = list(convert_weights(layer, notation).values())
        assert [a.shape for a in found] == expected
        back = convert_weights(found, "keras", notation, model=layer)
        assert all(map(np.array_equal, back, layer.get_weights()))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([np.zeros((4, 3))] * 3, r"has 4 weights \(W1, b1, W2, b2\); got 3 arrays"),
        ({"W1": 0, "b1": 0, "W2": 0}, "b2 missing"),
        ({"W1": 0, "b1": 0, "W2": 0, "B2": 0}, "no weight 'B2'; it has .* Did you mean 'b2'"),
        (
            [np.zeros((4, 3)), np.zeros((3, 1)), np.zeros((2, 3)), np.zeros((2, 1))],
            r"W1 \(of layer 'hidden'\) has shape \(3, 4\) in course notation; got \(4, 3\)\. "
            "That is its shape in keras notation",
        ),
        (
            [np.zeros((3, 4)), np.zeros((1, 3)), np.zeros((2, 3)), np.zeros((2, 1))],
            r"b1 .* has shape \(3, 1\) in course notation; got \(1, 3\)\.$",
        ),
    ],
)
def test_arrays_that_do_not_fit(arrays: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert_weights(arrays, "keras", "course", model=perceptron())


def test_what_can_not_be_converted() -> None:
    with pytest.raises(ValueError, match=r"Sequential .* is not built, so it has no weights"):
        convert_weights(gn.Sequential([layers.Dense(2)]), "course")
    with pytest.raises(ValueError, match="is not built"):
        notation_table(layers.Dense(2))
    with pytest.raises(ValueError, match=r"pass model="):
        convert_weights([np.zeros((2, 2))], "course")
    with pytest.raises(ValueError, match=r"convert_weights\(arrays, 'keras', source='course'"):
        convert_weights(perceptron(), "keras", "course")


# --- the table --------------------------------------------------------------------------------
def test_the_table_shape_by_shape() -> None:
    table = notation_table(perceptron())
    assert table.header == ("", "keras", "course", "torch")
    assert all(len(row) == 4 for row in table.rows)
    shapes = {row[0]: row[1:] for row in table.rows[7:]}
    assert shapes == {
        "$X$": ("(m, 4)", "(4, m)", "(m, 4)"),
        r"$W^{[1]}$, $\mathrm{d}W^{[1]}$ of hidden": ("(4, 3)", "(3, 4)", "(3, 4)"),
        r"$b^{[1]}$, $\mathrm{d}b^{[1]}$ of hidden": ("(3,)", "(3, 1)", "(3,)"),
        "$Z^{[1]}$, $A^{[1]}$ of hidden": ("(m, 3)", "(3, m)", "(m, 3)"),
        r"$W^{[2]}$, $\mathrm{d}W^{[2]}$ of out": ("(3, 2)", "(2, 3)", "(2, 3)"),
        r"$b^{[2]}$, $\mathrm{d}b^{[2]}$ of out": ("(2,)", "(2, 1)", "(2,)"),
        "$Z^{[2]}$ of out": ("(m, 2)", "(2, m)", "(m, 2)"),
        "$J$": ("a number", "a number", "a number"),
    }


def test_the_table_of_images() -> None:
    model = gn.Sequential(
        [
            gn.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="out"),
        ]
    )
    rows = {row[0]: row[1:] for row in notation_table(model).rows[7:]}
    assert rows["$X$"] == ("(m, 8, 8, 3)",) * 3
    assert rows["$Z^{[1]}$, $A^{[1]}$ of conv"] == ("(m, 6, 6, 4)",) * 3
    assert rows["output of flat"] == ("(m, 144)", "(144, m)", "(m, 144)")
    kernel = r"$W^{[1]}$, $\mathrm{d}W^{[1]}$ of conv"
    assert rows[kernel] == ("(3, 3, 3, 4)", "(3, 3, 3, 4)", "(4, 3, 3, 3)")
    gamma = r"$\gamma^{[2]}$, $\mathrm{d}\gamma^{[2]}$ of norm"
    assert rows[gamma] == ("(4,)",) * 3


LAWS = {
    # as the table writes them, and the same in NumPy, written by hand
    "keras": [
        ("$Z = A W + b$", lambda A, W, b, dZ, m: A @ W + b),
        (r"$\mathrm{d}W = A^{\top} \mathrm{d}Z$", lambda A, W, b, dZ, m: A.T @ dZ),
        (
            r"$\mathrm{d}b = \sum_{i=1}^{m} \mathrm{d}Z_{i,:}$",
            lambda A, W, b, dZ, m: sum(dZ[i, :] for i in range(m)),
        ),
        (r"$\mathrm{d}A = \mathrm{d}Z W^{\top}$", lambda A, W, b, dZ, m: dZ @ W.T),
    ],
    "course": [
        ("$Z = W A + b$", lambda A, W, b, dZ, m: W @ A + b),
        (r"$\mathrm{d}W = \frac{1}{m} \mathrm{d}Z A^{\top}$", lambda A, W, b, dZ, m: dZ @ A.T / m),
        (
            r"$\mathrm{d}b = \frac{1}{m} \sum_{i=1}^{m} \mathrm{d}Z_{:,i}$",
            lambda A, W, b, dZ, m: sum(dZ[:, [i]] for i in range(m)) / m,
        ),
        (r"$\mathrm{d}A = W^{\top} \mathrm{d}Z$", lambda A, W, b, dZ, m: W.T @ dZ),
    ],
    "torch": [
        (r"$Z = A W^{\top} + b$", lambda A, W, b, dZ, m: A @ W.T + b),
        (r"$\mathrm{d}W = \mathrm{d}Z^{\top} A$", lambda A, W, b, dZ, m: dZ.T @ A),
        (
            r"$\mathrm{d}b = \sum_{i=1}^{m} \mathrm{d}Z_{i,:}$",
            lambda A, W, b, dZ, m: sum(dZ[i, :] for i in range(m)),
        ),
        (r"$\mathrm{d}A = \mathrm{d}Z W$", lambda A, W, b, dZ, m: dZ @ W),
    ],
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_laws_are_those_of_the_mean_of_a_loss(notation: str) -> None:
    """J = 1/m Σ ½ ‖z - y‖², by hand: ∂J/∂Z = (Z - Y) / m, and difference quotients for the rest."""
    rng = np.random.default_rng(5)
    size = 6
    A, W, b = rng.normal(size=(size, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    Y = rng.normal(size=(size, 2))

    def cost(A: Any, W: Any, b: Any) -> float:
        return 0.5 * ((A @ W + b - Y) ** 2).sum() / size

    def slope(which: int) -> np.ndarray:
        found = np.zeros_like((A, W, b)[which])
        for index in np.ndindex(*found.shape):
            step = np.zeros_like(found)
            step[index] = 1e-5
            up = [q + step if i == which else q for i, q in enumerate((A, W, b))]
            down = [q - step if i == which else q for i, q in enumerate((A, W, b))]
            found[index] = (cost(*up) - cost(*down)) / 2e-5
        return found

    Z = A @ W + b
    columns, turned = notation == "course", notation != "keras"
    scale = size if columns else 1  # in the course dQ is m times ∂J/∂Q for examples
    flip = np.transpose if columns else np.asarray
    kernel = np.transpose if turned else np.asarray
    bias = (lambda v: v.reshape(-1, 1)) if columns else np.asarray
    given = (flip(A), kernel(W), bias(b), flip((Z - Y) / size * scale), size)
    expected = [flip(Z), kernel(slope(1)), bias(slope(2)), flip(slope(0) * scale)]
    table = notation_table(perceptron())
    place = table.header.index(notation)
    rows = [table.rows[1], *table.rows[4:7]]
    for row, (text, law), value in zip(rows, LAWS[notation], expected, strict=True):
        assert row[place] == text
        found = np.asarray(law(*given))
        assert found.shape == value.shape
        assert np.allclose(found, value, rtol=1e-7, atol=1e-9)
    meaning = (table.rows[2][place], table.rows[3][place])
    per_example = r"$m \frac{\partial J}{\partial Q}$" if columns else meaning[1]
    assert meaning == (per_example, r"$\frac{\partial J}{\partial Q}$")


# --- messages ---------------------------------------------------------------------------------
def complaint(action: Any) -> str:
    with pytest.raises(ValueError) as caught:
        action()
    return str(caught.value)


def compiled() -> gn.Sequential:
    model = perceptron()
    model.compile("sgd", "mse")
    return model


def built(layer: Any, shape: tuple[int, ...] = (2, 4)) -> Any:
    layer(np.zeros(shape))
    return layer


MISTAKES = {
    "model, another width": (
        lambda: perceptron().predict(np.zeros((7, 3)), verbose=0),
        "In course notation: expected X with 4 rows (features), one column an example: (4, m); "
        "got (3, 7). glassnet takes examples as rows: such an X goes in as X.T.",
    ),
    "model, columns": (
        lambda: perceptron().predict(np.zeros((4, 7)), verbose=0),
        "In course notation: expected X with 4 rows (features), one column an example: (4, m), "
        "as yours is; glassnet takes examples as rows: pass X.T.",
    ),
    "dense": (lambda: built(layers.Dense(2))(np.zeros((4, 7))), "as yours is; .* pass X.T."),
    "batch": (lambda: built(layers.BatchNormalization())(np.zeros((4, 7))), "(4, m), as yours is"),
    "norm": (lambda: built(layers.LayerNormalization())(np.zeros((3, 5))), "(4, m); got (5, 3)"),
    "slopes": (lambda: built(layers.PReLU())(np.zeros((3, 5))), "(4, m); got (5, 3)"),
    "numbers": (
        lambda: compiled().fit(np.zeros((7, 4)), np.zeros((2, 7)), verbose=0),
        "In course notation examples are columns; glassnet takes them as rows: pass X.T and Y.T.",
    ),
    "targets": (
        lambda: compiled().fit(np.zeros((7, 4)), np.zeros((7, 3)), verbose=0),
        "In course notation, one column an example: the targets are (3, m), the predictions "
        "(2, m). glassnet takes examples as rows: such targets go in as Y.T.",
    ),
    "loss": (
        lambda: gn.losses.MeanSquaredError()(np.zeros((7, 3)), np.zeros((7, 2))),
        "the targets are (3, 7), the predictions (2, 7).",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_messages_in_course_notation(mistake: str) -> None:
    action, added = MISTAKES[mistake]
    usual = complaint(action)
    assert "notation" not in usual
    config.set_notation("torch")  # examples are rows there too
    assert without_numbers(complaint(action)) == without_numbers(usual)
    config.set_notation("course")
    told = complaint(action)
    assert without_numbers(told).startswith(without_numbers(usual) + " In course notation")
    for part in added.split(" .* "):
        assert part in told


def without_numbers(text: str) -> str:
    """The message without the numbers in made-up layer names."""
    import re

    return re.sub(r"'[a-z_]+?(_\d+)?'", "'…'", text)


def test_images_get_no_sentence() -> None:
    config.set_notation("course")
    conv = built(layers.Conv2D(2, 3), (1, 5, 5, 3))
    assert "notation" not in complaint(lambda: conv(np.zeros((1, 5, 5, 4))))
    assert "notation" not in complaint(lambda: built(layers.Dense(2))(np.zeros((7, 2, 5))))


def test_what_runs_does_not_change() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 8, 4))
    results = []
    for notation in NOTATIONS:
        config.set_notation(notation)
        gn.utils.set_random_seed(1)
        model = compiled()
        model.fit(x, y[:, :2], epochs=2, verbose=0)
        results.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert len(set(results)) == 1
