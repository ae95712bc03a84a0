"""Models as Keras and PyTorch source: how they read, what they carry, what is refused.

The frameworks are not needed here; that the numbers are the same is shown in ``parity/``.
"""

import ast
import base64
import io
import re

import numpy as np
import pytest

import glassnet as gn
from glassnet.explain.code.keras_source import keras_source
from glassnet.explain.code.literals import array, literal
from glassnet.explain.code.torch_source import torch_source
from glassnet.explain.code.weights import arrays_of, write_weights

WRITERS = (keras_source, torch_source)


def digits():
    gn.utils.clear_session()
    return gn.Sequential(
        [
            gn.Input((64,)),
            gn.layers.Dense(25, activation="relu"),
            gn.layers.Dense(15, activation="relu", kernel_regularizer=gn.regularizers.L2(0.1)),
            gn.layers.Dense(10),
        ]
    )


def weights_in(source):
    """The arrays named W in a program, read as Python reads them."""
    tree = ast.parse(source)
    (found,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "W"
    )
    space = {"np": np, "base64": base64, "io": io}
    return dict(eval(compile(ast.Expression(found), "W", "eval"), space))


def test_a_stack_reads_as_a_person_writes_it_in_keras():
    model = digits()
    model.compile(
        optimizer=gn.optimizers.Adam(0.01),
        loss=gn.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    assert keras_source(model, weights=None) == (
        "import keras\n"
        "from keras import layers\n"
        "\n"
        "model = keras.Sequential([\n"
        "    keras.Input((64,)),\n"
        '    layers.Dense(25, activation="relu"),  # (m, 25)\n'
        '    layers.Dense(15, activation="relu", kernel_regularizer=keras.regularizers.L2(l2=0.1)),'
        "\n"
        "    layers.Dense(10),  # (m, 10)\n"
        "])\n"
        "\n"
        "model.compile(\n"
        "    optimizer=keras.optimizers.Adam(learning_rate=0.01),\n"
        "    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),\n"
        '    metrics=["accuracy"],\n'
        ")\n"
    )


def test_a_stack_reads_as_a_person_writes_it_in_torch():
    model = digits()
    model.compile(
        optimizer=gn.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        loss=gn.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    source = torch_source(model, weights=None)
    assert (
        "model = nn.Sequential(\n"
        "    nn.Linear(64, 25),\n"
        "    nn.ReLU(),  # (m, 25)\n"
        "    nn.Linear(25, 15),\n"
        "    nn.ReLU(),  # (m, 15)\n"
        "    nn.Linear(15, 10),  # (m, 10)\n"
        ")\n"
    ) in source
    assert "return F.cross_entropy(outputs, targets.long())" in source
    assert "0.1 * torch.square(model[2].weight).sum()" in source
    assert "torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)" in source
    assert "loss = loss_function(model(x), y) + penalty()" in source


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("units", [2, 40])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_weights_are_in_the_program_bit_by_bit(write, units, dtype):
    gn.utils.clear_session()
    layers = [gn.layers.Dense(units, dtype=dtype), gn.layers.Dense(3, dtype=dtype)]
    model = gn.Sequential([gn.Input((6,), dtype=dtype), *layers])
    rng = np.random.default_rng(0)
    scales = 10.0 ** rng.integers(-30, 30, 1000)
    model.set_weights([rng.normal(size=w.shape) * scales[: w.shape[-1]] for w in model.weights])
    found = weights_in(write(model))
    assert list(found) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    for name, value in arrays_of(model).items():
        assert found[name].dtype == value.dtype
        assert found[name].tobytes() == value.tobytes()


@pytest.mark.parametrize("write", WRITERS)
def test_the_file_of_weights_holds_what_the_program_reads(write, tmp_path):
    model = digits()
    source = write(model, weights="file")
    assert 'np.load("weights.npz")' in source
    path = write_weights(model, tmp_path / "weights.npz")
    with np.load(path) as found:
        assert set(found) == set(arrays_of(model))
        np.testing.assert_array_equal(found["dense/kernel"], model.weights[0].value)
        for name in re.findall(r'W\["([^"]+)"\]', source):
            assert name in found


@pytest.mark.parametrize("write", WRITERS)
def test_the_same_model_gives_the_same_program(write):
    model = digits()
    assert write(model) == write(model)
    assert '"--check" in sys.argv' in write(model)


def test_literals_read_back():
    values = [0.1, -0.0, 1e-45, 3.4028235e38, 16777216.0, np.pi]
    for dtype in ("float32", "float64"):
        with np.errstate(over="ignore"):
            given = np.array([values, [np.inf, -np.inf, np.nan, 1, 2, 3]], dtype)
        back = eval(array(given), {"np": np})
        assert back.dtype == given.dtype
        assert back.tobytes() == given.tobytes()
    assert literal(np.float32(0.1)) == "0.1"
    assert eval(array(np.zeros((0, 3), "int32")), {"np": np}).shape == (0, 3)


def test_a_name_that_python_knows_is_no_obstacle():
    x = gn.Input((3,), name="class")
    shared = gn.layers.Dense(3, name="model")
    model = gn.Model(x, shared(shared(x)), name="import")
    for write in WRITERS:
        ast.parse(write(model))


def test_a_shared_layer_stays_one_layer():
    gn.utils.clear_session()
    x, shared = gn.Input((3,)), gn.layers.Dense(3, name="shared")
    model = gn.Model(x, shared(shared(x)))
    source = torch_source(model, weights=None)
    assert source.count("nn.Linear(3, 3)") == 1
    assert source.count("self.shared(x)") == 2
    assert keras_source(model, weights=None).count("layers.Dense(3") == 1


# --- what is refused --------------------------------------------------------------------------
class Doubled(gn.layers.Layer):
    def call(self, inputs):
        return inputs * 2


class Own(gn.Model):
    def __init__(self):
        super().__init__()
        self.last = gn.layers.Dense(1)

    def call(self, inputs):
        return self.last(inputs)


@pytest.mark.parametrize("write", WRITERS)
def test_a_layer_of_the_user_is_named(write):
    model = gn.Sequential([gn.Input((2,)), Doubled(name="twice")])
    with pytest.raises(ValueError, match=r"layer 'twice' \(Doubled\): a class of your own"):
        write(model)


@pytest.mark.parametrize("write", WRITERS)
def test_a_model_with_a_call_of_its_own_is_refused(write):
    model = Own()
    model(np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"Own computes in a call\(\) of your own"):
        write(model)


@pytest.mark.parametrize("write", WRITERS)
def test_an_unbuilt_model_is_refused(write):
    with pytest.raises(ValueError, match="not built yet"):
        write(gn.Sequential([gn.layers.Dense(1)]))
    with pytest.raises(TypeError, match="takes a model; got Dense"):
        write(gn.layers.Dense(1))


@pytest.mark.parametrize("write", WRITERS)
def test_an_unknown_choice_of_weights_is_refused(write):
    with pytest.raises(ValueError, match=r"expected one of 'inline', 'file'; got 'beside'"):
        write(digits(), weights="beside")


@pytest.mark.parametrize("write", WRITERS)
def test_layers_of_two_dtypes_are_refused(write):
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2), gn.layers.Dense(1, dtype="float64")])
    with pytest.raises(ValueError, match="float32, float64"):
        write(model)


@pytest.mark.parametrize("write", WRITERS)
def test_a_function_that_is_no_graph_is_refused(write):
    gn.utils.clear_session()
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Lambda(lambda x: gn.ops.cumsum(x[:, ::-1], axis=1), name="back")]
    )
    with pytest.raises(ValueError, match=r"layer 'back'.*backwards"):
        write(model)


def test_what_keras_refuses_is_refused():
    model = gn.Sequential(
        [gn.Input((9, 9, 1)), gn.layers.Conv2D(1, 2, strides=2, dilation_rate=2, name="both")]
    )
    with pytest.raises(ValueError, match=r"layer 'both' \(Conv2D\).*which Keras refuses"):
        keras_source(model)
    ast.parse(torch_source(model))


def test_batch_renormalization_is_refused_in_torch():
    model = gn.Sequential([gn.Input((2,)), gn.layers.BatchNormalization(renorm=True, name="re")])
    with pytest.raises(ValueError, match=r"layer 're'.*renorm=True"):
        torch_source(model)
    assert "renorm=True" in keras_source(model)


def test_what_can_not_be_trained_in_torch_says_why():
    model = digits()
    model.compile(optimizer="adafactor", loss="mse")
    source = torch_source(model, weights=None)
    assert "# There is no training step here: PyTorch has no Adafactor of this form." in source
    assert "def train_step" not in source


def test_a_loss_of_the_user_is_written_out_in_torch_and_named_in_keras():
    def cubes(y_true, y_pred):
        return gn.ops.mean(gn.ops.abs(y_true - y_pred) ** 3, axis=-1)

    model = digits()
    model.compile(optimizer="adam", loss=cubes)
    assert "torch.abs(targets - outputs) ** 3" in torch_source(model, weights=None)
    assert "# Not written, loss: 'cubes' is your own code" in keras_source(model, weights=None)


def test_branches_get_their_weights_layer_by_layer_in_keras():
    a, b = gn.Input((3,)), gn.Input((3,))
    h = gn.layers.Dense(3, name="short")(a)
    k = gn.layers.Dense(3, name="deep")(gn.layers.Reshape((3,))(gn.layers.Dense(3, name="low")(b)))
    source = keras_source(gn.Model([a, b], gn.layers.Add()([h, k])))
    for name in ("short", "deep", "low"):  # Keras's order is that of depth: low, short, deep
        line = f'model.get_layer("{name}").set_weights([W["{name}/kernel"], W["{name}/bias"]])'
        assert line in source
    assert "model.set_weights" not in source


@pytest.mark.parametrize("writer", WRITERS)
def test_a_shape_of_equal_sizes_stays_a_shape(writer):
    model = gn.Sequential([gn.Input((4,)), gn.layers.Reshape((2, 2)), gn.layers.Dense(1)])
    assert "Reshape(2)" not in writer(model)
    assert "2, 2" in writer(model, weights=None)
