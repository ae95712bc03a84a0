"""What a plan says of itself: true figures, as data and as text, without Numba too."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.cli.main import main
from glassnet.engines.native import compiler, session, slicing
from glassnet.engines.native.planning import Planner
from glassnet.engines.native.telling import tell
from glassnet.explain import PlanExplanation
from glassnet.graph import record
from glassnet.graph.tensor import Placeholder
from glassnet.ops.activation import Sparsemax
from glassnet.ops.matrices import Range

ROOT = Path(__file__).parents[3]
Dense = gn.layers.Dense


def network(**settings: Any) -> gn.Model:
    hidden, out = Dense(3, "tanh", name="hidden"), Dense(1, "sigmoid", name="out")
    model = gn.Sequential([gn.Input((2,)), hidden, out], name="xor")
    model.compile("sgd", "binary_crossentropy", **settings)
    return model


def convolutional() -> gn.Model:
    model = gn.Sequential(
        [
            gn.Input((8, 9, 2)),
            gn.layers.Conv2D(5, (3, 2), activation="relu", name="conv"),
            gn.layers.MaxPooling2D(2, name="pool"),
            gn.layers.Flatten(),
            Dense(4, "softmax", name="out"),
        ],
        name="images",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def by_op(plan: PlanExplanation, where: str, op: str) -> list[Any]:
    return [
        line for line in plan.lines if any(w == where and op in ops for w, ops in line.computes)
    ]


# --- figures ----------------------------------------------------------------------------------
def test_products_count_two_operations_for_each_product_of_entries() -> None:
    plan = network().explain_plan(batch_size=4)
    # 2 · 4 · 2 · 3, and the bias: one operation an entry more.
    assert [line.operations for line in by_op(plan, "hidden", "matmul + add")] == [60]
    assert [line.operations for line in by_op(plan, "∂hidden", "matmul")] == [2 * 2 * 4 * 3]
    assert [line.operations for line in by_op(plan, "∂out", "matmul")] == [2 * 4 * 3, 2 * 3 * 4]


def test_convolution_counts_places_times_window_times_filters() -> None:
    plan = convolutional().explain_plan(kind="predict", batch_size=7)
    (line,) = by_op(plan, "conv", "convolution")
    assert line.operations == 2 * (7 * 6 * 8) * (3 * 2 * 2) * 5
    (line,) = by_op(plan, "pool", "max_pool")
    assert line.operations == (7 * 3 * 4 * 5) * 4
    (line,) = by_op(plan, "out", "softmax")
    assert line.operations == 5 * 7 * 4


def test_a_cluster_counts_an_operation_an_entry_an_op_and_its_bytes_once() -> None:
    plan = network().explain_plan(batch_size=4)
    (line,) = by_op(plan, "hidden", "tanh")
    assert line.computes == (("hidden", ("tanh",)), ("∂hidden", ("square", "subtract")))
    assert line.operations == 3 * (4 * 3)
    # Z is read, and the 1 of 1 - a²; a and 1 - a² are written.
    assert line.bytes_read == 4 * (12 + 1)
    assert line.bytes_written == 4 * (12 + 12)
    assert {array.shape for array in line.reads} == {(4, 3), ()}
    assert line.block >= 12
    assert line.registers > 0


def test_weights_are_updated_where_they_are() -> None:
    # A weight that is a single number is updated with the other single numbers of the step.
    number, line = by_op(network().explain_plan(batch_size=4), "update", "subtract")
    assert {a.place for a in line.writes} == {"hidden/kernel", "hidden/bias", "out/kernel"}
    assert "out/bias" in {a.place for a in number.writes}
    assert line.arrays == 3
    assert line.checks
    assert line.operations == 2 * (2 * 3 + 3 + 3 * 1)
    assert line.bytes_written == 4 * (2 * 3 + 3 + 3 * 1)


def test_rows_of_a_table_are_read_once() -> None:
    plan = network().explain_plan(np.zeros((50, 2)), np.zeros((50, 1)), batch_size=10)
    first = plan.lines[0]
    assert first.ops == ("rows of x",)
    assert first.bytes_written == 10 * 2 * 4
    assert first.bytes_read == 10 * 2 * 8 + 8  # float64 in the person's array, and where it begins
    assert first.operations == 0


def test_totals_add_up() -> None:
    plan = convolutional().explain_plan(batch_size=3)
    totals = plan.totals
    assert totals.instructions == len(plan.lines) == len(plan.plan.instructions)
    assert totals.operations == sum(line.operations for line in plan.lines) == plan.plan.operations
    assert totals.bytes_read == sum(line.bytes_read for line in plan.lines)
    assert totals.ideal <= totals.arena == plan.plan.arena.nbytes
    assert totals.native + totals.by_reference + totals.views == plan.plan.nodes
    ends = [a.offset + a.nbytes for line in plan.lines for a in line.writes if a.place == "arena"]
    assert max(ends) <= totals.arena
    model = convolutional()
    model.fit(np.zeros((3, 8, 9, 2)), np.zeros(3, int), verbose=0)
    variables = [
        *model.weights,
        *model.optimizer.variables,
        *(v for m in model.metrics for v in m.variables),
    ]
    assert totals.variables == sum(v.value.nbytes for v in variables)


def test_lines_that_are_alive_together_do_not_overlap() -> None:
    plan = convolutional().explain_plan(batch_size=3)
    spans: dict[int, list[int]] = {}
    for i, line in enumerate(plan.lines):
        for array in (*line.reads, *line.writes):
            if array.place == "arena":
                spans.setdefault(array.offset, []).append(i)
    assert len(spans) > 5
    for line in plan.lines:
        kept = [a for a in line.writes if a.place == "arena"]
        for a, b in itertools.combinations(kept, 2):
            assert a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset


# --- lanes, reference -------------------------------------------------------------------------
def test_lanes_are_told_for_a_slice_and_counted_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.native.planning.WORTH_OPERATIONS", 1)
    monkeypatch.setattr(slicing, "CACHE_BYTES", 4096)
    monkeypatch.setattr(slicing.os, "cpu_count", lambda: 2)
    model = convolutional()
    plan = model.explain_plan(batch_size=8)
    (head,) = [line for line in plan.lines if line.lanes]
    inner = [line for line in plan.lines if len(line.number) == 2]
    assert head.lanes == 2
    assert head.lanes * head.slices > 2
    assert head.operations == head.lanes * head.slices * sum(line.operations for line in inner)
    assert {line.number[0] for line in inner} == {head.number[0]}
    size = 8 // (head.lanes * head.slices)
    (line,) = by_op(plan, "conv", "convolution")
    assert line.operations == 2 * (size * 6 * 8) * (3 * 2 * 2) * 5
    assert {a.place for a in line.writes} == {"own"}
    assert plan.totals.thread_memory > 0
    assert any("sum of the lanes" in line.ops for line in plan.lines)
    assert plan.totals.native + plan.totals.views == plan.plan.nodes
    text = plan.text()
    assert f"2 lanes of {head.slices} slice" in text
    assert "A lane is a share of the batch" in text


def test_what_the_reference_computes_is_named() -> None:
    x = Placeholder((3, 4), np.dtype("float16"), name="x")
    lines, totals = tell(Planner([x], [record(Sparsemax((1,)), x)], {}).plan())
    assert [(line.ops, line.reference) for line in lines if line.ops] == [(("sparsemax",), True)]
    assert (totals.native, totals.by_reference) == (0, 1)


def test_a_plan_without_inputs() -> None:
    lines, _ = tell(Planner([], [record(Range(5000, "int64"))], {}).plan())
    assert [line.ops for line in lines] == [("range",)]
    assert lines[0].bytes_written == 40_000


# --- it is what runs --------------------------------------------------------------------------
def test_it_is_the_plan_of_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    made = session.plan_of

    def noted(*args: Any) -> Any:
        ran.append(made(*args))
        return ran[-1]

    monkeypatch.setattr(session, "plan_of", noted)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 2)), rng.integers(0, 2, (12, 1))
    model = network(engine="native", metrics=["accuracy"])
    told = model.explain_plan(x, y, batch_size=6)
    assert not ran
    model.fit(x, y, batch_size=6, verbose=0)
    assert [line.kernel for line in told.lines] == [i.kernel for i in ran[0].instructions]
    assert told.totals.operations == ran[0].operations
    assert told.totals.arena == ran[0].arena.nbytes


def test_reading_changes_nothing() -> None:
    x, y = np.eye(2), np.array([[0], [1]])
    read, unread = (network(metrics=["accuracy"]) for _ in range(2))
    read.set_weights(unread.get_weights())
    for kind in ("train", "test", "predict"):
        read.explain_plan(kind=kind)
    assert not read.optimizer.built
    assert read.compiled_metrics.entries is None
    assert read.metrics_names == []
    a, b = (m.fit(x, y, epochs=3, verbose=0).history for m in (read, unread))
    assert a == b


def test_it_fits_targets_that_come_later() -> None:
    """Targets as numbers or as rows: the shapes that were only thought of don't stick."""

    def loss(y: Any, p: Any) -> Any:
        wanted = gn.ops.one_hot(gn.ops.cast(y, "int64"), 3) if len(y.shape) == 1 else y
        return gn.ops.mean(gn.ops.square(p - wanted))

    model = gn.Sequential([gn.Input((2,)), Dense(3, "softmax")])
    model.compile("adam", loss, metrics=["accuracy"])
    model.explain_plan(np.zeros((4, 2)), np.zeros((4, 3)))
    model.fit(np.zeros((4, 2)), np.zeros(4, int), verbose=0)
    assert type(model.metrics[1]).__name__ == "SparseCategoricalAccuracy"


# --- text -------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("make", [network, convolutional])
def test_no_line_is_too_wide(width: int, make: Any) -> None:
    for kind in ("train", "test", "predict"):
        plan = make().explain_plan(kind=kind)
        text = plan.text(width)
        assert max(map(len, text.split("\n"))) <= width
        starts = re.findall(r"^ *(\d+)  \S", text, flags=re.MULTILINE)
        assert starts == [str(n) for n in range(1, plan.totals.instructions + 1)]


def test_it_shows_itself(capsys: pytest.CaptureFixture[str]) -> None:
    plan = network().explain_plan(kind="predict")
    plan.print(width=90)
    assert capsys.readouterr().out == plan.text(90) + "\n"
    assert str(plan) == plan.text(100)
    assert "explain_plan" not in repr(plan)
    assert "xor" in repr(plan)
    assert plan._repr_html_().startswith("<pre>A prediction step")
    assert "<" not in plan._repr_html_()[5:-6]


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "xor", "--kind", "predict", "--batch-size", "3"]) == 0
    assert "A prediction step of 'xor' on 3 examples" in capsys.readouterr().out


# --- the choice -------------------------------------------------------------------------------
def test_which_engine_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def choice(**settings: Any) -> Any:
        return network(**settings).explain_plan(kind="predict").choice

    assert choice(engine="numpy").engine == "numpy"
    assert choice(engine="native").engine == "native"
    monkeypatch.setattr(compiler, "missing", lambda kernels: [])
    warm = choice(engine="auto")
    assert (warm.engine, warm.missing, warm.compile_seconds) == ("native", 0, 0.0)
    monkeypatch.setattr(compiler, "missing", list)
    cold = choice(engine="auto")
    kernels = network().explain_plan(kind="predict").plan.kernels
    assert cold.missing == len(kernels)
    assert cold.steps > 100 * warm.steps > 0


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = sys.modules["scipy"] = None
from glassnet.engines import choice
choice._found.append(False)
import glassnet as gn
model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
model.compile("sgd", "mse", engine=sys.argv[1])
plan = model.explain_plan()
print(len(plan.lines) > 5, plan.choice.engine, plan.choice.why)
print("can't run here" in str(plan))
"""


@pytest.mark.parametrize(("engine", "runs"), [("auto", "numpy"), ("native", "none")])
def test_without_numba(engine: str, runs: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA, engine], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first.startswith(f"True {runs} Numba or SciPy is not installed")
    assert second == str(runs == "none")


# --- what can't be told -----------------------------------------------------------------------
def test_errors_say_what_to_do() -> None:
    model = gn.Sequential([Dense(1)])
    with pytest.raises(ValueError, match="not built"):
        model.explain_plan(kind="predict")
    model.build((None, 2))
    with pytest.raises(ValueError, match="compile"):
        model.explain_plan()
    assert len(model.explain_plan(kind="predict").lines) == 1
    with pytest.raises(ValueError, match="kind"):
        model.explain_plan(kind="training")
    with pytest.raises(ValueError, match="batch_size"):
        model.explain_plan(kind="predict", batch_size=0)
    model.compile(gn.optimizers.LevenbergMarquardt(), "mse")
    with pytest.raises(ValueError, match="LevenbergMarquardt looks at the loss"):
        model.explain_plan()
    assert model.explain_plan(kind="test").kind == "test"


def test_sizes_that_only_data_tell() -> None:
    model = gn.Sequential([gn.Input((None, 3)), gn.layers.GlobalAveragePooling1D(), Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"explain_plan\(x, y\)"):
        model.explain_plan()
    plan = model.explain_plan(np.zeros((5, 7, 3)), np.zeros((5, 2)))
    assert plan.rows == 5
    assert any((5, 7, 3) in {a.shape for a in line.reads} for line in plan.lines)


# --- the page ---------------------------------------------------------------------------------
def test_the_page_shows_what_is_printed() -> None:
    """Where this fails the planner does otherwise now: put the new text into docs/native.md."""
    page = (ROOT / "docs" / "native.md").read_text()
    shown = re.search(r"```text\n(A training step.*?)\n```", page, flags=re.DOTALL)
    assert shown is not None
    told = network(engine="native").explain_plan(batch_size=4).text()
    choice = re.compile(r"Its kernels: .*?\n\n", flags=re.DOTALL)  # what is compiled here and now
    assert choice.sub("\n\n", shown.group(1)) == choice.sub("\n\n", told)


def test_the_page_shows_a_kernel_as_it_is() -> None:
    page = (ROOT / "docs" / "native.md").read_text()
    (kernel,) = re.findall(r"```python\n(def count_up.*?)```", page, flags=re.DOTALL)
    family = ROOT / "src" / "glassnet" / "engines" / "native" / "kernels" / "movement.py"
    assert kernel in family.read_text()
