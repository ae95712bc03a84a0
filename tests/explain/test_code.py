"""NumPy programs of networks run without glassnet and train as it does, in every notation."""

import ast
import io
import json
import subprocess
import sys
import tokenize
import warnings
from pathlib import Path

import drawn
import numpy as np
import pytest
from thorough import first

import glassnet as gn
from glassnet import config, initializers, layers
from glassnet.explain.code.layout import WIDTH
from glassnet.explain.code.program import Writer, numpy_source
from glassnet.formulas import FUNCTIONS
from glassnet.nest import flatten
from glassnet.notation import get_notation

NOTATIONS = ("keras", "course", "torch")
NETWORKS = 50
STEPS = 20
RUNNER = Path(__file__).parent / "run_programs.py"
OWN = {"load", "init", "start", "forward", "loss", "backward", "update", "train_step", "train",
       "predict", "examples", "compare", "check"}  # fmt: skip


@pytest.fixture
def float64():
    """The library's float type."""
    before = config.floatx()
    config.set_floatx("float64")
    yield
    config.set_floatx(before)


def run(folder):
    """What a fresh interpreter, in which there is no glassnet, says of the programs in a folder."""
    command = [sys.executable, "-I", str(RUNNER), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(folder, name, model, x, y, tolerance, notations=NOTATIONS, *, given=False):
    """Write a network's program in each notation, with what training by the library gives."""
    writers = {}
    for n in notations:
        writer = Writer(model, *((x, y) if given else (None, None)), get_notation(n), "trained")
        (folder / f"{name}_{n}.py").write_text(writer.source(), encoding="utf-8")
        writers[n] = writer
    losses = [float(np.ravel(model.train_on_batch(x, y))[0]) for _ in range(STEPS)]
    arrays = [a for a in (*flatten(x), *flatten(y)) if a is not None]
    for n, writer in writers.items():
        leaves = [*writer.reading.inputs, *writer.reading.targets]
        pairs = enumerate(zip(leaves, arrays, strict=True))
        data = {f"data{i}": leaf.array(a).astype(leaf.tensor.dtype) for i, (leaf, a) in pairs}
        weights = {f"w_{w.name}": w.array(w.value) for w in writer.weights}
        numbers = {"losses": losses, "tolerance": tolerance, "count": len(leaves)}
        np.savez(folder / f"{name}_{n}.npz", **numbers, **data, **weights)


def failures(report):
    return {name: r for name, r in report.items() if r["wrong"] or r["status"] or r["check"]}


@pytest.mark.parametrize("turn", first(1, range(len(NOTATIONS))))
def test_drawn_networks_train_as_in_the_library(turn, tmp_path, float64):
    """The notations take turns: each network in one of them always, in all with `--thorough`."""
    for seed in range(NETWORKS):
        gn.utils.set_random_seed(seed)
        one = drawn.drawn(seed)
        notation = NOTATIONS[(seed + turn) % len(NOTATIONS)]
        write(tmp_path, f"network{seed}", one.model, one.x, one.y, 1e-12, (notation,))
    report = run(tmp_path)
    assert len(report) == NETWORKS
    assert not failures(report)


# --- the examples in float32 -------------------------------------------------------------------
def xor():
    network = [gn.Input((2,)), layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid")]
    model = gn.Sequential(network, name="xor")
    model.compile(gn.optimizers.SGD(0.5), "binary_crossentropy")
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    return model, x, np.array([[0], [1], [1], [0]], "float32")


def digits():
    network = [gn.Input((25,)), layers.Dense(15, "sigmoid"), layers.Dense(10, "softmax")]
    model = gn.Sequential(network, name="digits")
    model.compile("adam", "categorical_crossentropy")
    rng = np.random.default_rng(0)
    return model, rng.normal(size=(6, 25)).astype("float32"), np.eye(10, dtype="float32")[:6]


def images():
    model = gn.Sequential([
        gn.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dropout(0.25), layers.Dense(10, activation="softmax"),
    ], name="images")  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    return model, rng.normal(size=(5, 8, 8, 1)).astype("float32"), rng.integers(0, 10, 5)


EXAMPLES = {"xor": xor, "digits": digits, "images": images}


def test_float32(tmp_path, monkeypatch):
    """Adam and its kin divide a derivative by its size and so enlarge the rounding of one that is
    nearly 0; the drawn networks are trained without that."""
    for name, make in EXAMPLES.items():
        gn.utils.set_random_seed(1)
        write(tmp_path, name, *make(), 1e-6, given=True)
    plain = gn.optimizers.SGD
    monkeypatch.setattr(drawn.Drawing, "optimizer", lambda self: plain(0.001, momentum=0.9))
    for seed in range(12):
        gn.utils.set_random_seed(seed)
        one = drawn.drawn(seed)
        write(tmp_path, f"drawn{seed}", one.model, one.x, one.y, 1e-6, (NOTATIONS[seed % 3],))
    report = run(tmp_path)
    assert len(report) == 9 + 12
    assert not failures(report)


# --- optimizers and what surrounds them ---------------------------------------------------------
AROUND = {
    "clipnorm": {"clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.05},
    "global": {"global_clipnorm": 0.1},
    "decay": {"weight_decay": 0.01},
    "average": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "scale": {"loss_scale_factor": 4.0},
}
SCHEDULES = {
    "exponential": gn.schedules.ExponentialDecay(0.1, 5, 0.5),
    "staircase": gn.schedules.ExponentialDecay(0.1, 5, 0.5, staircase=True),
    "pieces": gn.schedules.PiecewiseConstantDecay([3, 7], [0.1, 0.05, 0.01]),
    "polynomial": gn.schedules.PolynomialDecay(0.1, 10, 0.01, cycle=True),
    "time": gn.schedules.InverseTimeDecay(0.1, 3, 0.5),
    "cosine": gn.schedules.CosineDecay(0.1, 15, warmup_target=0.2, warmup_steps=4),
    "restarts": gn.schedules.CosineDecayRestarts(0.1, 6),
}


def test_optimizers_schedules_and_constraints(tmp_path, float64):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), np.eye(2)[rng.integers(0, 2, 5)]
    known = gn.optimizers.OPTIMIZERS.entries
    names = [n for n, kind in known.items() if not getattr(kind, "needs_objective", False)]
    ways = [(n, known[n], AROUND[w], None) for i, n in enumerate(names) for w in _three(i)]
    ways += [(n, gn.optimizers.Adam, {"learning_rate": s}, None) for n, s in SCHEDULES.items()]
    held = ("max_norm", "non_neg", "unit_norm", "min_max_norm")
    ways += [(c, gn.optimizers.SGD, {}, c) for c in held]
    for i, (name, kind, options, constraint) in enumerate(ways):
        hidden = layers.Dense(4, "tanh", kernel_regularizer="l1", kernel_constraint=constraint)
        model = gn.Sequential([gn.Input((3,)), hidden, layers.Dense(2, "softmax")])
        model.compile(kind(**options), "categorical_crossentropy")
        notation = NOTATIONS[i % 3]
        write(tmp_path, f"{i}_{name}", model, x, y, 1e-12, (notation,))
    assert not failures(run(tmp_path))


def _three(i):
    """Three of the ways to surround an optimizer, all of them in turn."""
    ways = list(AROUND)
    return [ways[(i + 3 * j) % len(ways)] for j in range(3)]


# --- the check ----------------------------------------------------------------------------------
def test_the_command_line(tmp_path):
    model, x, y = xor()
    path = tmp_path / "xor.py"
    path.write_text(numpy_source(model, x, y), encoding="utf-8")

    def call(*arguments):
        command = [sys.executable, "-I", str(path), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = call("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok\n") == 1 + 1 + 4 + 1 + 4
    assert "epoch 100: J = " in call().stdout
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("1 - A1 ** 2", "1 - A1 ** 3"), encoding="utf-8")
    wrong = call("--check")
    assert wrong.returncode == 1
    assert "dW1" in [line.split()[0] for line in wrong.stdout.split("\n") if "WRONG" in line]
    assert "dW2" not in [line.split()[0] for line in wrong.stdout.split("\n") if "WRONG" in line]


def numbers_in(source):
    """Where numbers stand that decide what the network computes: their line, start, end."""
    first = source[: source.index("# --- parameters")].count("\n")
    last = source[: source.index("# --- training")].count("\n")
    weights = source[: source.index("WEIGHTS = {")].count("\n")
    end = source[: source.index("# --- check")].count("\n")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row = token.start[0] - 1
        if token.type == tokenize.NUMBER and (first < row < last or weights < row < end):
            comment = token.line.find("#")
            if 0 <= comment < token.start[1] or "axis=" in token.line[: token.start[1]][-6:]:
                continue
            yield row, token.start[1], token.end[1], token.string


def test_every_planted_change_of_a_number_is_found(tmp_path):
    """The constants of the equations, and entries of the weights, one at a time."""
    gn.utils.set_random_seed(3)
    model = gn.Sequential([
        gn.Input((2,)), layers.Dense(2, "tanh"), layers.Dense(2, "softmax"),
    ])  # fmt: skip
    loss = gn.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(gn.optimizers.Adam(0.05, beta_1=0.8, epsilon=0.01), loss)
    model.set_weights([w + 0.3 for w in model.get_weights()])
    source = numpy_source(model)
    lines = source.split("\n")
    planted = 0
    for row, start, end, text in numbers_in(source):
        changed = repr(float(text) * 1.03 + 0.003) if "." in text or "e" in text else f"{text}.04"
        line = lines[row][:start] + changed + lines[row][end:]
        if text in ("0", "1") and "shape[" in line:
            continue
        program = "\n".join([*lines[:row], line, *lines[row + 1 :]])
        (tmp_path / f"planted{planted}.py").write_text(program, encoding="utf-8")
        planted += 1
    assert planted > 20
    report = run(tmp_path)
    unseen = [name for name, r in report.items() if r["status"] == 0]
    assert not unseen, next((tmp_path / f"{name}.py").read_text() for name in unseen)
    caught = [r for r in report.values() if r["check"]]
    assert len(caught) > 15, "changes should be found by the numbers, not by an exception"


# --- the weights --------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("notation", NOTATIONS)
def test_trained_weights_are_exact(dtype, notation):
    model = gn.Sequential([
        gn.Input((30,)), layers.Dense(20, "relu", dtype=dtype), layers.Dense(3, dtype=dtype),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    model.set_weights([
        (rng.normal(size=w.shape) * 10.0 ** rng.integers(-30, 30, w.shape)).astype(dtype)
        for w in model.get_weights()
    ])  # fmt: skip
    space = {"__name__": "program"}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(numpy_source(model, notation=notation), space)
    found = space["load"]()
    turn = notation != "keras"
    W1, b1, W2, b2 = model.get_weights()
    np.testing.assert_array_equal(found["W1"], W1.T if turn else W1)
    np.testing.assert_array_equal(found["W2"], W2.T if turn else W2)
    np.testing.assert_array_equal(found["b1"].ravel(), b1)
    np.testing.assert_array_equal(found["b2"].ravel(), b2)
    assert found["b1"].shape == ((20, 1) if notation == "course" else (1, 20))
    assert {w.dtype.name for w in found.values()} == {dtype}


# Of each initializer, the standard deviation and the largest number for 300 inputs, 200 outputs.
SPREADS = {
    "glorot_uniform": (np.sqrt(2 / 500), np.sqrt(6 / 500)),
    "glorot_normal": (np.sqrt(2 / 500), 2 * np.sqrt(2 / 500) / 0.8796),
    "he_uniform": (np.sqrt(2 / 300), np.sqrt(6 / 300)),
    "he_normal": (np.sqrt(2 / 300), 2 * np.sqrt(2 / 300) / 0.8796),
    "lecun_uniform": (np.sqrt(1 / 300), np.sqrt(3 / 300)),
    "lecun_normal": (np.sqrt(1 / 300), 2 * np.sqrt(1 / 300) / 0.8796),
    "zeros": (0, 0),
    "ones": (0, 1),
    "random_uniform": (0.05 / np.sqrt(3), 0.05),
    "random_normal": (0.05, np.inf),
    "truncated_normal": (0.05 * 0.8796, 0.1),
    initializers.Constant(0.3): (0, 0.3),
    initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal"): (np.sqrt(3 / 200), np.inf),
    initializers.Orthogonal(2.0): (2 * np.sqrt(1 / 300), np.inf),
    initializers.Identity(2.0): (2 * np.sqrt(1 / 300), 2),
}


@pytest.mark.parametrize("given", SPREADS, ids=[str(getattr(g, "name", g))[:40] for g in SPREADS])
@pytest.mark.parametrize("notation", ["keras", "course"])
def test_fresh_weights_follow_their_initializer(given, notation):
    deviation, most = SPREADS[given]
    model = gn.Sequential([gn.Input((300,)), layers.Dense(200, kernel_initializer=given)])
    model.compile("sgd", "mse")
    space = {"__name__": "program"}
    exec(numpy_source(model, notation=notation, weights="fresh"), space)
    W = space["init"](np.random.default_rng(5))["W1"]
    assert W.shape == ((200, 300) if notation == "course" else (300, 200))
    assert W.dtype == np.float32
    assert np.abs(W).max() <= most * 1.0001
    assert abs(W.std() - deviation) <= 0.02 * max(deviation, 1e-6)
    again = space["init"](np.random.default_rng(6))["W1"]
    assert np.array_equal(W, again) == (deviation == 0 or isinstance(given, initializers.Identity))
    if isinstance(given, initializers.Orthogonal):
        np.testing.assert_allclose(
            (W if W.shape[0] < W.shape[1] else W.T) @ (W.T if W.shape[0] < W.shape[1] else W),
            4 * np.eye(200),
            atol=1e-5,
        )


@pytest.mark.parametrize("notation", NOTATIONS)
def test_fresh_programs_check_themselves(tmp_path, notation):
    for name, make in EXAMPLES.items():
        source = numpy_source(make()[0], notation=notation, weights="fresh")
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        assert "WEIGHTS" not in source
    assert not failures(run(tmp_path))


# --- the text -----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_program_is_tidy(name, notation):
    model, x, y = EXAMPLES[name]()
    source = numpy_source(model, x, y, notation=notation)
    tree = ast.parse(source)
    imported = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert imported == ["sys", "numpy"]
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert max(map(len, source.split("\n"))) <= WIDTH
    assert all(line == line.rstrip() for line in source.split("\n"))
    assert "\n\n\n\n" not in source
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    assert defined & OWN >= OWN - {"init", "start"}
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call)
              and isinstance(n.func, ast.Name)}  # fmt: skip
    assert defined - called <= {"check"}, "a function that nothing calls"


def test_it_reads_as_the_derivation():
    source = numpy_source(digits()[0])
    for line in (
        "    Z1 = X @ W1 + b1  # (m, 15)",
        "    A1 = sigmoid(Z1)  # (m, 15)",
        "    A2 = softmax(Z2)  # (m, 10)",
        "    dZ2 = (A2 - Y) / m  # (m, 10)",
        "    dW2 = A1.T @ dZ2  # (15, 10)",
        "    db2 = dZ2.sum(axis=0, keepdims=True)  # (1, 10)",
        "    dZ1 = dA1 * A1 * (1 - A1)  # (m, 15)",
        "        M[k] += 0.1 * (grads[k] - M[k])",
        "        V[k] += 0.001 * (grads[k] ** 2 - V[k])",
    ):
        assert line in source.split("\n"), line
    course = numpy_source(digits()[0], notation="course")
    for line in (
        "    Z1 = W1 @ X + b1  # (15, m)",
        "    dZ2 = A2 - Y  # (10, m)",
        "    dW2 = dZ2 @ A1.T / m  # (10, 15)",
        "    db2 = dZ2.sum(axis=1, keepdims=True) / m  # (10, 1)",
        "    dA1 = W2.T @ dZ2  # (15, m)",
    ):
        assert line in course.split("\n"), line
    assert "    Z1 = X @ W1.T + b1  # (m, 15)" in numpy_source(digits()[0], notation="torch")


def test_updates_that_are_alike_are_one_loop():
    model = gn.Sequential([gn.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    model.compile(gn.optimizers.Adam(0.01, weight_decay=0.1, global_clipnorm=1.0), "mse")
    model.optimizer.exclude_from_weight_decay(var_names=["bias"])
    source = numpy_source(model)
    body = source[source.index("def update") : source.index("# --- training")].split("\n")
    assert "    U_a = np.sqrt(sum(np.sum(grads[k] ** 2) for k in grads))" in body
    loops = [line for line in body if "for k in (" in line]
    assert loops == [
        '    for k in ("W1", "W2"):',
        '    for k in ("b1", "b2"):',
    ]
    assert sum("0.1 * eta * parameters[k]" in line for line in body) == 1


def test_functions_of_formulas_have_names_of_their_own():
    for function in FUNCTIONS.values():
        if function.source:
            names = {n.name for n in ast.parse(function.source).body}
            assert not names & OWN, function


# --- what can't be ------------------------------------------------------------------------------
def test_errors():
    unbuilt = gn.Sequential([layers.Dense(2)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is not built"):
        numpy_source(unbuilt)
    with pytest.raises(ValueError, match=r"compile\(optimizer"):
        numpy_source(gn.Sequential([gn.Input((2,)), layers.Dense(2)]))
    model = xor()[0]
    with pytest.raises(ValueError, match="cours"):
        numpy_source(model, notation="cours")
    with pytest.raises(ValueError, match="'trained'"):
        numpy_source(model, weights="train")


class Doubling(layers.NumpyLayer):
    """A brick with forward and backward in NumPy."""

    def forward(self, X):
        return 2 * X

    def backward(self, dY):
        return 2 * dY


def test_a_brick_in_python_of_its_own_is_an_error_and_a_composed_one_is_not(tmp_path, float64):
    model = gn.Sequential([gn.Input((2,)), Doubling(), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"'Doubling', which computes in Python.*glassnet.ops"):
        numpy_source(model)
    composed = gn.Sequential([
        gn.Input((2,)), layers.Lambda(lambda x: np.tanh(x) * 2 + 1), layers.Dense(1),
    ])  # fmt: skip
    composed.compile("sgd", lambda y, p: np.sum(np.abs(y - p) ** 1.5, axis=-1))
    rng = np.random.default_rng(0)
    write(tmp_path, "composed", composed, rng.normal(size=(4, 2)), rng.normal(size=(4, 1)), 1e-12)
    assert not failures(run(tmp_path))


class Own(gn.Model):
    """A model of one's own, which is called and not wired."""

    def __init__(self):
        super().__init__()
        self.first, self.last = layers.Dense(3, "tanh"), layers.Dense(1)

    def call(self, inputs):
        h = self.first(inputs)
        return self.last(h * h + inputs[:, :1])


def test_a_model_of_ones_own(tmp_path, float64):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    model = Own()
    model.compile("rmsprop", "mse")
    model(x)
    write(tmp_path, "own", model, x, y, 1e-12, given=True)
    assert not failures(run(tmp_path))


def test_frozen_layers_and_weights_kept_for_predictions(tmp_path, float64):
    model = gn.Sequential([
        gn.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(momentum=0.5),
        layers.GaussianNoise(0.1), layers.Dense(2),
    ])  # fmt: skip
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    write(tmp_path, "frozen", model, rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), 1e-12)
    assert not failures(run(tmp_path))
    space = {"__name__": "program"}
    exec(numpy_source(model), space)
    x = rng.normal(size=(5, 3))
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(space["predict"](x, space["load"]()), expected, rtol=1e-12)


def test_labels_that_are_given_and_training_that_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2)).astype("float32")
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = gn.Sequential([gn.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(2, "softmax")])
    model.compile(gn.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    space = {"__name__": "program"}
    exec(numpy_source(model, x, labels, notation="course"), space)
    X, y = x.T, labels.reshape(1, -1)
    before = space["predict"](X, space["load"]()).argmax(axis=0)
    after = space["predict"](X, space["train"](X, y, space["load"]())).argmax(axis=0)
    assert np.mean(after == labels) > 0.95 > np.mean(before == labels)


def test_a_name_that_someone_else_chose_is_no_code():
    name = 'a""" + print("run") + """\\\n'
    network = [gn.Input((2,)), layers.Dense(1, name=name + "layer")]
    model = gn.Sequential(network, name=name)
    model.compile("sgd", "mse")
    tree = ast.parse(numpy_source(model, weights="fresh"))
    title = ast.get_docstring(tree).split("\n")[0]
    assert (
        title
        == "a___ + print(_run_) + _____: a neural network in NumPy alone, written by glassnet."
    )


@pytest.mark.parametrize("notation", NOTATIONS)
def test_what_rounding_alone_decides_is_no_alarm(notation, tmp_path):
    """A small gradient through normalisations, whose size RMSprop takes away."""
    gn.utils.set_random_seed(3)
    stack = [layers.Dense(4, "elu"), layers.BatchNormalization(), layers.Dropout(0.25)]
    inner = gn.Sequential([gn.Input((3,)), *stack], name="inner")
    x = gn.Input((3,))
    model = gn.Model(x, layers.Dense(2)(inner(layers.Dense(3)(inner(x)))))
    model.compile("rmsprop", gn.losses.CategoricalCrossentropy(from_logits=True))
    program = tmp_path / "program.py"
    source = numpy_source(model, notation=notation)
    program.write_text(source)
    command = [sys.executable, "-I", str(program), "--check"]
    good = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert good.returncode == 0, good.stdout
    assert "W4 after 5 steps" in good.stdout
    assert "J in step 5" in good.stdout
    for right, wrong in (("0.9 * V", "0.8 * V"), ("eta * grads[k]", "1.001 * eta * grads[k]")):
        assert right in source
        program.write_text(source.replace(right, wrong))
        assert subprocess.run(command, capture_output=True, timeout=60).returncode == 1
