"""``glassnet check``: which layers of a file are tried, what is printed, the exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from glassnet.cli.main import main

HEAD = (
    "import numpy as np\nimport glassnet as gn\nfrom glassnet.layers import Layer, NumpyLayer\n\n"
)

DENSE = """
class MyDense(NumpyLayer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units), name="W")
        self.b = self.add_weight((self.units,), "zeros", name="b")

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY{fault}
        self.db = dY.sum(axis=0)
        return dY @ self.W.T
"""

RIGHT, WRONG = DENSE.format(fault=""), DENSE.format(fault=" / len(dY)")

DOUBLE = """
class Double(Layer):
    def call(self, inputs):
        return inputs * 2
"""


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(text: str, *arguments: str, name: str = "my_layer.py"):
        path = tmp_path / name
        path.write_text(HEAD + text)
        status = main(["check", str(path), *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_a_right_layer(check):
    status, out, err = check(RIGHT)
    assert (status, err) == (0, "")
    assert "MyDense 'my_dense" in out
    assert "checks passed" in out
    assert "computes what Dense(units=3) does" in out


def test_a_wrong_gradient_is_named_and_its_mistake(check):
    status, out, _ = check(WRONG)
    assert status == 1
    assert "✗ gradients" in out
    assert "dW is wrong; db and dX are right" in out
    assert "self.dW = self.X.T @ dY" in out
    assert "1/m twice" in out  # the diagnosis
    assert "Mend:" in out


def test_all_layers_of_the_file_are_tried(check):
    status, out, _ = check(RIGHT + DOUBLE)
    assert status == 0
    assert out.index("MyDense") < out.index("Double")
    assert "────" in out


def test_one_of_them(check):
    status, out, _ = check(WRONG + DOUBLE, "--class", "Double")
    assert status == 0
    assert "MyDense" not in out
    status, _, err = check(RIGHT + DOUBLE, "--class", "Duoble")
    assert status == 2
    assert "Did you mean 'Double'? There are MyDense, Double." in err


def test_a_base_class_is_not_tried_by_itself(check):
    text = RIGHT + "\nclass Deeper(MyDense):\n    pass\n"
    status, out, _ = check(text)
    assert status == 0
    assert "Deeper" in out
    assert "MyDense '" not in out


def test_an_object_in_the_file_tells_how_it_is_made(check):
    odd = """
class Double(Layer):
    def __init__(self, thing, **kwargs):
        super().__init__(**kwargs)
        self.thing = thing

    def call(self, inputs):
        return inputs * 2
"""
    status, _, err = check(odd)
    assert status == 2
    assert "it takes 'thing'. Name one in the file:\n    layer = Double(thing)" in err
    status, out, _ = check(odd + "\nlayer = Double(3)\n")
    assert status == 0
    assert "Double 'double" in out


def test_the_shape_is_guessed_given_or_in_the_file(check):
    image = """
class Corners(Layer):
    def call(self, inputs):
        return inputs[:, ::2, ::2, :]
"""
    assert "(m, 6, 6, 2)" in check(image)[1]
    assert "(m, 9, 7, 3)" in check(image, "--input-shape", "9,7,3")[1]
    assert "(m, 5, 5, 1)" in check(image + "\ninput_shape = (5, 5, 1)\n")[1]
    named = image + "\ninput_shape = {'Corners': (2, 6, 1)}\n"
    assert "(m, 2, 6, 1)" in check(named)[1]
    assert "(m, 8, 4, 2)" in check(image + "\ninputs = np.random.rand(3, 8, 4, 2)\n")[1]


def test_layers_of_several_inputs_and_of_whole_numbers(check):
    status, out, _ = check("""
class Sum(NumpyLayer):
    def forward(self, A, B):
        return A + B
    def backward(self, dY):
        return dY, dY

class Table(NumpyLayer):
    def build(self, input_shape):
        self.T = self.add_weight((5, 2), name="T")
    def forward(self, rows):
        self.rows = rows
        return self.T[rows]
    def backward(self, dY):
        self.dT = np.zeros_like(self.T)
        np.add.at(self.dT, self.rows, dY)
""")
    assert status == 0
    assert "computes what Add() does" in out
    assert "whole numbers of shape (m, 4)" in out
    status, out, _ = check(
        """
class Join(Layer):
    def call(self, inputs):
        return gn.ops.concatenate(inputs, axis=1)
""",
        "--input-shape",
        "4,2;3,2",
    )
    assert status == 0
    assert "shape (m, 4, 2) and (m, 3, 2)" in out
    assert "computes what Concatenate(axis=1) does" in out


def test_what_runs_on_no_shape(check):
    status, _, err = check("""
class Wide(Layer):
    def call(self, inputs):
        return inputs @ np.ones((77, 2))
""")
    assert status == 2
    assert "--input-shape 8,8,3" in err
    assert "return inputs @ np.ones((77, 2))" in err
    status, out, _ = check(
        """
class Wide(Layer):
    def call(self, inputs):
        return inputs @ np.ones((77, 2))
""",
        "--input-shape",
        "4",
    )
    assert status == 1
    assert "It does not run" in out


def test_errors_of_the_file_are_told_with_its_line(check, tmp_path, capsys):
    status, _, err = check("x = = 3\n")
    assert status == 2
    assert "my_layer.py, line 5: invalid syntax." in err
    assert "    x = = 3\n        ^" in err
    status, _, err = check("numbers = [1]\nnumbers[3]\n")
    assert status == 2
    assert "IndexError: list index out of range (my_layer.py, line 6: numbers[3])" in err
    assert "Traceback" not in err
    status, _, err = check("import sys\nsys.exit(3)\n")
    assert status == 2
    assert '__name__ == "__main__"' in err
    status, _, err = check("x = 3\n")
    assert status == 2
    assert "my_layer.py defines no layer" in err
    assert main(["check", str(tmp_path / "my_laye.py")]) == 2
    assert "Did you mean 'my_layer.py'?" in capsys.readouterr().err


def test_a_class_that_is_no_layer_yet(check):
    status, _, err = check("class Mine:\n    def forward(self, X):\n        return X\n")
    assert status == 2
    assert "class Mine(glassnet.layers.NumpyLayer):" in err


def test_a_constructor_that_raises(check):
    status, _, err = check("""
class Picky(Layer):
    def __init__(self, units):
        raise ValueError("never enough units")
""")
    assert status == 2
    assert "Picky(units=3) raised ValueError: never enough units" in err
    assert "my_layer.py, line 8" in err


def test_a_script_that_trains_a_model_is_checked_for_its_bricks(check):
    status, out, err = check(
        RIGHT
        + """
model = gn.Sequential([gn.Input((4,)), MyDense(3), gn.layers.ReLU()])
model.compile("sgd", "mse")
model.fit(np.ones((2, 4)), np.ones((2, 3)), epochs=1, verbose=0)
softmax = gn.layers.Softmax()
"""
    )
    assert (status, err) == (0, "")
    assert out.count("checks passed") == 1
    assert out.startswith("MyDense")


def test_a_constructor_that_does_not_call_the_bases(check):
    status, out, err = check("""
class Bare(NumpyLayer):
    def __init__(self, units=3):
        self.units = units
""")
    assert (status, out) == (2, "")
    assert "Bare.__init__ did not call the base's" in err
    assert "super().__init__()" in err


@pytest.mark.parametrize(("shape", "product"), [("(20, 7)", "x @ self.w"),
                                                ("(7, 20)", "x @ self.w.T")])  # fmt: skip
def test_weights_made_at_once_tell_the_shape(check, shape, product):
    status, out, _ = check(f"""
class Early(Layer):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight({shape})

    def call(self, x):
        return {product}
""")
    assert status == 0
    assert "inputs of shape (m, 20)" in out


def test_a_neighbouring_file_is_found(check, tmp_path):
    (tmp_path / "helper_beside.py").write_text("FACTOR = 3\n")
    status, out, _ = check("""
from helper_beside import FACTOR

class Triple(Layer):
    def call(self, inputs):
        return inputs * FACTOR
""")
    assert status == 0
    assert "Rescaling(scale=3" in out
    sys.modules.pop("helper_beside")


def test_as_a_command(tmp_path):
    (tmp_path / "my_layer.py").write_text(HEAD + WRONG)
    run = subprocess.run(
        [sys.executable, "-m", "glassnet.cli.main", "check", "my_layer.py", "--class", "MyDense"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr == ""
    assert max(map(len, run.stdout.splitlines())) <= 80


@pytest.mark.parametrize("shape", ["", "a", "4,-1"])
def test_a_shape_that_is_none(shape, capsys):
    with pytest.raises(SystemExit):
        main(["check", "x.py", "--input-shape", shape])
    assert "--input-shape" in capsys.readouterr().err
