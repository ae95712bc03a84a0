"""diagnose: bricks of one's own, pairs of functions, functions that are called; names and words."""

import re
from functools import partial
from html.parser import HTMLParser

import numpy as np
import patients
import pytest

import glassnet as gn
from glassnet.explain import diagnose

L = gn.layers
p = patients


# --- bricks -------------------------------------------------------------------------------------
def dense_brick(bug="", kernel="W", turned=False, activation=None):
    """A hand-written dense layer; its kernel may lie as (outputs, inputs)."""

    class MyDense(L.NumpyLayer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            shape = (input_shape[-1], self.units)
            weight = self.add_weight(shape[::-1] if turned else shape, "glorot_uniform")
            setattr(self, kernel, weight)
            self.b = self.add_weight((self.units,), "zeros", name="b")

        def forward(self, X):
            self.X = X
            W = getattr(self, kernel)
            self.W_ = W.T if turned else W
            self.Z = X @ self.W_ + self.b
            return np.tanh(self.Z) if activation else self.Z

        def backward(self, dY):
            dZ = dY
            if activation and bug != "activation's derivative dropped":
                dZ = dY * (1 - np.tanh(self.Z) ** 2)
            dW, self.db = self.X.T @ dZ, dZ.sum(axis=0)
            if bug == "1/m twice":
                dW, self.db = dW / len(dY), self.db / len(dY)
            if bug == "wrong sign":
                dW = -dW
            if bug == "transposed result":
                dW = dW.T
            if bug == "bias gradient summed over the wrong axis":
                self.db = dZ.sum()
            if bug == "bias gradient not summed":
                self.db = dZ
            setattr(self, f"d{kernel}", dW.T if turned else dW)
            return dZ @ self.W_ if bug == "transpose forgotten" else dZ @ self.W_.T

    return MyDense


BUGS = [
    "1/m twice", "wrong sign", "transposed result", "bias gradient summed over the wrong axis",
    "bias gradient not summed", "transpose forgotten",
]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("kernel", ["W", "weights_", "theta"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_dense_brick(bug, kernel, turned):
    (X,) = p.batch((5, 4))
    units = 4 if bug == "transpose forgotten" else 3
    found = diagnose(dense_brick(bug, kernel, turned)(units), X)
    assert found.kinds[0] == bug, found
    assert "the backward of MyDense" in str(diagnose(dense_brick("", kernel, turned)(3), X))
    wrong = {row.name for row in found.rows if not row.ok}
    assert wrong <= {f"d{kernel}", "db", "dX"}
    assert {row.name for row in found.rows} == {f"d{kernel}", "db", "dX"}
    of_kernel = next(row for row in found.rows if row.name == f"d{kernel}")
    assert of_kernel.should == ((units, 4) if turned else (4, units))
    if bug == "transposed result":
        assert of_kernel.shape == of_kernel.should[::-1]


def test_a_brick_with_an_activation_in_it():
    (X,) = p.batch((5, 4))
    brick = partial(dense_brick, activation="tanh")
    assert diagnose(brick()(3), X).ok
    found = diagnose(brick("activation's derivative dropped")(3), X)
    assert found.kinds[0] == "activation's derivative dropped"
    assert diagnose(brick("wrong sign")(3), X).kinds[0] == "wrong sign"


def activation_brick(bug=""):
    class MyTanh(L.NumpyLayer):
        def forward(self, X):
            self.X, self.Y = X, np.tanh(X)
            return self.Y

        def backward(self, dY):
            return {
                "activation's derivative dropped": dY,
                "square forgotten": dY * (1 - self.Y),
                "g′(A) for g′(Z)": dY * (1 - np.tanh(self.Y) ** 2),
                "wrong sign": -dY * (1 - self.Y**2),
            }.get(bug, dY * (1 - self.Y**2))

    return MyTanh()


@pytest.mark.parametrize(
    "bug", ["activation's derivative dropped", "square forgotten", "g′(A) for g′(Z)", "wrong sign"]
)
def test_an_activation_as_a_brick(bug):
    (X,) = p.batch((5, 4))
    found = diagnose(activation_brick(bug), X)
    assert found.kinds[0] == bug, found
    assert diagnose(activation_brick(), X).ok


def test_upstream_may_be_given():
    X, dY = p.batch((5, 4), (5, 3))
    layer = dense_brick("wrong sign")(3)
    found = diagnose(layer, X, upstream=dY)
    assert found.kinds[0] == "wrong sign"
    assert found.mistakes[0].gradients == ("dW",)


@pytest.mark.parametrize("names", [("dW", "db"), ("dkernel", "dbias"), ("kernel", "bias")])
def test_gradients_beside_a_layer_of_the_library(names):
    X, dY = p.batch((5, 4), (5, 3))
    layer = L.Dense(3)
    layer.build((None, 4))
    W = layer.kernel.numpy().astype(float)
    right = [X.T @ dY, dY.sum(0)]
    given = dict(zip(names, right, strict=True))
    assert diagnose(layer, X, gradients={**given, "dX": dY @ W.T}, upstream=dY).ok
    given[names[0]] = -right[0]
    found = diagnose(layer, X, gradients={**given, "dX": dY @ W.T}, upstream=dY)
    assert found.kinds[0] == "wrong sign"
    called = names[0] if names[0].startswith("d") else f"d{names[0]}"
    assert found.mistakes[0].gradients == (called,)


def test_a_model_with_bricks_of_ones_own():
    X, Y = p.batch((5, 4), (5, 2))
    for bug in ("", "wrong sign"):
        model = gn.Sequential(
            [gn.Input((4,)), L.Dense(4, "relu"), dense_brick()(3), L.Activation("tanh"),
             dense_brick(bug)(2)]
        )  # fmt: skip
        model.compile("sgd", "mse")
        found = diagnose(model, X, Y)
        assert found.ok == (not bug), found
        assert found.kinds == ((bug,) if bug else ())


# --- plain functions ----------------------------------------------------------------------------
def squares(w, X, y):
    return np.mean((X @ w - y) ** 2)


def residuals(w, X, y):
    return X @ w - y


PAIRS = {
    "1/m missing": lambda w, X, y: 2 * X.T @ residuals(w, X, y),
    "wrong sign": lambda w, X, y: -2 * X.T @ residuals(w, X, y) / len(y),
    "factor 2 missing": lambda w, X, y: X.T @ residuals(w, X, y) / len(y),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_a_function_and_its_gradient(kind):
    w, X, y = p.batch((3,), (7, 3), (7,))
    # Only w is of interest: X and y are held in a closure.
    found = diagnose(
        (lambda w: squares(w, X, y), lambda w: PAIRS[kind](w, X, y)), w
    )  # m can't be seen there
    assert not found.ok
    whole = diagnose(
        (squares, lambda w, X, y: (PAIRS[kind](w, X, y), 2 * np.outer(residuals(w, X, y), w) / 7,
                                   -2 * residuals(w, X, y) / 7)), w, X, y,
    )  # fmt: skip
    assert whole.kinds[0] == kind, whole
    assert [row.name for row in whole.rows] == ["dw", "dX", "dy"]
    assert [row.ok for row in whole.rows] == [False, True, True]


def test_a_right_pair():
    w, X, y = p.batch((3,), (7, 3), (7,))
    right = 2 * X.T @ residuals(w, X, y) / 7
    assert diagnose((lambda w: squares(w, X, y), lambda w: right), w).ok
    with pytest.raises(ValueError, match="returned 2 arrays"):
        diagnose((lambda w: squares(w, X, y), lambda w: (right, right)), w)
    with pytest.raises(TypeError, match="two functions"):
        diagnose((squares, 3), w)


# --- functions that are called --------------------------------------------------------------------
def test_what_is_added_up_is_seen_on_the_second_call():
    model, X, Y, gradients = p.dense()
    held = {name: np.zeros_like(g) for name, g in gradients.items()}

    def backward(x, y):
        assert x is X
        assert y is Y
        for name in held:
            held[name] += gradients[name]
        return held

    found = diagnose(model, X, Y, gradients=backward)
    assert found.kinds == ("accumulated instead of replaced",)
    assert set(found.mistakes[0].gradients) == set(gradients)
    assert diagnose(model, X, Y, gradients=lambda x, y: gradients).ok


def test_added_up_and_wrong():
    model, X, Y, gradients = p.dense("activation's derivative dropped")
    held = dict.fromkeys(gradients, 0.0)

    def backward(x, y):
        for name in ("dW1", "db1"):
            held[name] = held[name] + gradients[name]
        return {**gradients, "dW1": held["dW1"], "db1": held["db1"]}

    found = diagnose(model, X, Y, gradients=backward)
    kinds = {m.kind for m in found.mistakes}
    assert kinds == {"accumulated instead of replaced", "activation's derivative dropped"}


# --- names, lists, types --------------------------------------------------------------------------
FORMS = [
    "W{}", "dW{}", "dw{}", "dW_{}", "dW[{}]", "grad_W{}", "grads_W{}", "gradient_W{}", "dJ_dW{}",
    "dL/dW{}", "∂J/∂W{}", "∂W{}", "W{}_grad", "nabla_W{}", "gW{}", "dK{}", "dtheta{}",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_names(form):
    model, X, Y, gradients = p.dense("wrong sign")
    named = {form.format(n[2]) if n[1] == "W" else n: g for n, g in gradients.items()}
    found = diagnose(model, X, Y, gradients=named)
    assert found.kinds[0] == "wrong sign"
    assert [row.name for row in found.rows] == ["db2", "dW2", "db1", "dW1"]


def test_names_as_the_layers_have_them():
    model, X, Y, gradients = p.dense("wrong sign")
    for sign in "./":
        own = [f"{layer.name}{sign}{w}" for layer in model.layers for w in ("kernel", "bias")]
        given = dict(zip(own, (gradients[n] for n in ("dW1", "db1", "dW2", "db2")), strict=True))
        assert diagnose(model, X, Y, gradients=given).kinds[0] == "wrong sign"


def test_lists():
    model, X, Y, gradients = p.dense("activation's derivative dropped")
    given = [gradients[n] for n in ("dW1", "db1", "dW2", "db2")]
    assert diagnose(model, X, Y, gradients=given).kinds[0] == "activation's derivative dropped"
    as_lists = [g.tolist() for g in given]
    found = diagnose(model, X, Y, gradients=tuple(as_lists))
    assert found.kinds[0] == "activation's derivative dropped"


def test_one_gradient_alone():
    model, X, Y, gradients = p.dense("1/m missing")
    found = diagnose(model, X, Y, gradients={"dW1": gradients["dW1"]})
    assert found.kinds[0] == "1/m missing"


@pytest.mark.parametrize("kind", ["1/m missing", "g′(A) for g′(Z)", "dA in place of dZ"])
def test_float32(kind):
    model, X, Y, gradients = p.dense(kind)
    in_float32 = {name: g.astype(np.float32) for name, g in gradients.items()}
    assert diagnose(model, X, Y, gradients=in_float32).kinds[0] == kind
    mixed = {**gradients, "dW2": gradients["dW2"].astype(np.float32)}
    assert "computed in the wrong dtype" in diagnose(model, X, Y, gradients=mixed).kinds


# --- notations ------------------------------------------------------------------------------------
def in_course(gradients):
    """Examples as columns, W (outputs, inputs), b a column, dZ that of one example."""
    return {
        n: (g.T * 6 if n[1] in "ZA" else g.T if n[1] == "W" else g[:, None])
        for n, g in gradients.items()
    }


@pytest.mark.parametrize("bug", ["", "activation's derivative dropped"])
def test_the_courses_notation(bug):
    model, X, Y, gradients = p.between(bug)
    found = diagnose(model, X, Y, gradients=in_course(gradients), notation="course")
    assert found.kinds == ((bug,) if bug else ())
    assert found.notes == ()
    shapes = {row.name: (row.shape, row.should) for row in found.rows}
    assert shapes["dW1"] == ((4, 2), (4, 2))
    assert shapes["db1"] == ((4, 1), (4, 1))
    assert shapes["dZ1"] == ((4, 6), (4, 6))


@pytest.mark.parametrize("notation", ["course", "torch"])
def test_transposed_in_a_notation_where_kernels_lie_the_other_way(notation):
    model, X, Y, gradients = p.dense()
    given = {n: g.T for n, g in gradients.items()}
    assert diagnose(model, X, Y, gradients=given, notation=notation).ok
    given["dW1"] = given["dW1"].T
    found = diagnose(model, X, Y, gradients=given, notation=notation)
    assert found.kinds[0] == "transposed result"
    row = next(row for row in found.rows if row.name == "dW1")
    assert (row.shape, row.should) == ((2, 4), (4, 2))
    assert "@" not in found.mistakes[0].mend


def test_torchs_kernels():
    # torch has (out, in, rows, columns), what runs (rows, columns, in, out)
    model, X, Y, gradients = p.conv("kernel not flipped", padding="same")
    given = {
        **gradients, "dW1": gradients["dW1"].transpose(3, 2, 0, 1), "dW2": gradients["dW2"].T
    }  # fmt: skip
    found = diagnose(model, X, Y, gradients=given, notation="torch")
    assert found.kinds[0] == "kernel not flipped"
    unturned = diagnose(model, X, Y, gradients={**given, "dX": p.conv(padding="same")[3]["dX"],
                                                "dW2": gradients["dW2"]})  # fmt: skip
    assert unturned.kinds[0] == "kernel's axes in another order"
    assert "torch" in unturned.mistakes[0].sentence


# --- errors ---------------------------------------------------------------------------------------
def test_errors():
    model, X, Y, gradients = p.dense()
    g = gradients["dW1"]
    with pytest.raises(KeyError, match=r"'dW3' is no derivative.*Did you mean 'dW2'.*dZ1"):
        diagnose(model, X, Y, gradients={"dW3": g})
    with pytest.raises(TypeError, match="dW1 is no array of numbers; got None"):
        diagnose(model, X, Y, gradients={"dW1": None})
    with pytest.raises(TypeError, match="dW1 is no array of numbers; got str"):
        diagnose(model, X, Y, gradients={"dW1": "W"})
    with pytest.raises(TypeError, match=r"dictionary of arrays.*got int"):
        diagnose(model, X, Y, gradients=3)
    with pytest.raises(TypeError, match=r"dictionary of arrays.*got None"):
        diagnose(model, X, Y, gradients=lambda x, y: None)
    with pytest.raises(ValueError, match="no gradients were given"):
        diagnose(model, X, Y, gradients={})
    with pytest.raises(ValueError, match="each of 4 trainable weights, dW1, db1, dW2, db2; got 1"):
        diagnose(model, X, Y, gradients=[g])
    with pytest.raises(ValueError, match="no layer of this model has a backward"):
        diagnose(model, X, Y)
    with pytest.raises(ValueError, match="a batch of two"):
        diagnose(model, X, gradients=gradients)
    with pytest.raises(ValueError, match=r"expected \(m, 2\); got \(m, 1\)"):
        diagnose(model, X[:, :1], Y, gradients=gradients)
    with pytest.raises(ValueError, match="one row an example"):
        diagnose(model, X, Y[:3], gradients=gradients)
    with pytest.raises(ValueError, match=r"diagnose\(model, np.array\(x\), np.array\(y\)\)"):
        diagnose(model, X.tolist(), Y.tolist(), gradients=gradients)
    with pytest.raises(TypeError, match="a model, a layer or a tuple"):
        diagnose(np.sin, X)
    with pytest.raises(ValueError, match="compile"):
        diagnose(gn.Sequential([gn.Input((2,)), L.Dense(1)]), X, Y, gradients={"dW1": g})
    with pytest.raises(ValueError, match="has no backward of its own"):
        diagnose(L.Dense(2), X)
    with pytest.raises(ValueError, match="needs upstream=dY"):
        diagnose(L.Dense(2), X, gradients={"dW": g})


# --- words ----------------------------------------------------------------------------------------
class Reader(HTMLParser):
    """Checks that tags close in order; gathers the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        if tag not in ("br", "meta", "link", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


SPOKEN = [
    p.dense, partial(p.dense, "1/m missing"), partial(p.dense, "g′(A) for g′(Z)"),
    partial(p.square, "gradient taken after the update"), partial(p.conv, "kernel not flipped"),
    partial(p.norm, "statistics over the wrong axis"), partial(p.penalty, "1/m missing"),
    partial(p.classes, "softmax applied twice"), partial(p.two_outputs, "branch overwritten"),
]  # fmt: skip


@pytest.mark.parametrize("patient", SPOKEN)
def test_words(patient):
    model, X, Y, gradients = patient()
    found = diagnose(model, X, Y, gradients=gradients)
    for width in (60, 80, 100):
        lines = found.text(width).splitlines()
        assert max(map(len, lines)) <= width, lines
    assert str(found) == found.text()
    reader = Reader()
    reader.feed(found._repr_html_())
    assert reader.open == []
    squeezed = re.sub(r"\s+", "", reader.text)
    for mistake in found.mistakes:
        assert re.sub(r"\s+", "", mistake.sentence) in squeezed
        assert mistake.kind in str(found)
        assert mistake.kind in repr(found)
    assert "{" not in str(found)
    for row in found.rows:
        assert row.name in str(found)


def test_a_narrow_table_leaves_out_the_errors():
    model, X, Y, gradients = p.conv("kernel not flipped")
    found = diagnose(model, X, Y, gradients=gradients)
    assert "relative error" in found.text(80)
    narrow = found.text(48)
    assert "relative error" not in narrow
    assert max(map(len, narrow.splitlines())) <= 48


def test_the_whole_text():
    model, X, Y, gradients = p.dense("1/m missing")
    lines = str(diagnose(model, X, Y, gradients=gradients)).splitlines()
    assert lines[0] == "Wrong: db2, dW2, db1 and dW1. One mistake explains every number."
    assert lines[2] == "→ 1/m missing"
    assert "The derivation says: db[2] = Σᵢ₌₁ᵐ dZ[2]_(i:)" in " ".join(lines)
    assert "Mend: divide by the number of examples m." in " ".join(lines)
    assert lines[-1].split() == ["dW1", "2×4", "2×4", "6", "times", "5.0e+00"]
