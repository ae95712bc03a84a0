"""What a run costs NumPy, told by counting: products by their multiplications, batches in scale."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers
from glassnet.engines import Program, estimate
from glassnet.graph import Dim, Placeholder
from glassnet.graph.op import OPS
from glassnet.ops.contraction import Einsum
from glassnet.ops.linear import MatMul
from glassnet.ops.pooling import MaxPool, MaxUnpool
from glassnet.ops.reduction import Sum
from glassnet.ops.sliding import Convolution, KernelCorrelation, TransposedConvolution


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_tells_its_work(name: str) -> None:
    for sample in OPS[name].samples():
        arrays = [np.asarray(a) for a in sample.inputs]
        value = np.asarray(sample.op.value(np, *arrays))
        work = sample.op.work(value.shape, *(a.shape for a in arrays))
        assert math.isfinite(work.entries)
        assert work.entries >= 0
        assert work.operations >= 0
        if not sample.op.view and value.size > 1:
            assert work.entries + work.operations >= value.size


def test_products_count_multiplications_and_additions() -> None:
    assert MatMul().work((3, 5), (3, 4), (4, 5)) == (3 * 5, 2 * 3 * 4 * 5)
    assert MatMul().work((2, 3, 5), (2, 3, 4), (4, 5)).operations == 2 * 2 * 3 * 4 * 5
    assert Einsum(("bij", "bjk"), "bik").work((2, 3, 5), (2, 3, 4), (2, 4, 5)).operations == 240


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_count_what_the_sum_says(groups: int) -> None:
    x, kernel = (2, 6, 5, 4), (3, 2, 4 // groups, 6)
    op = Convolution((1, 1), ((0, 0), (0, 0)), (1, 1), groups)
    y = op.value(np, np.zeros(x), np.zeros(kernel)).shape
    places = itertools.product(*map(range, y))
    window = math.prod(kernel[:-1])
    count = sum(2 * window for _ in places)  # a multiplication and an addition for each
    back, by_kernel = TransposedConvolution(*op.motion), KernelCorrelation(*op.motion)
    assert op.work(y, x, kernel).operations == count
    assert back.work(x, y, kernel).operations == count
    assert by_kernel.work(kernel, x, y).operations == count
    covered = math.prod(y[:-1]) * math.prod(kernel[:2]) * x[-1]  # windows as rows, all channels
    assert op.work(y, x, kernel).entries == covered * Convolution.effort
    assert by_kernel.work(kernel, x, y).entries == covered * KernelCorrelation.effort
    assert back.work(x, y, kernel).entries == covered * TransposedConvolution.effort


def test_pooling_counts_the_cells_of_windows() -> None:
    pool = MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))
    assert pool.work((1, 2, 3, 5), (1, 4, 6, 5)).entries == 2 * 3 * 5 * 4 * MaxPool.effort
    back = MaxUnpool(*pool.motion)
    work = back.work((1, 4, 6, 5), (1, 2, 3, 5), (1, 4, 6, 5), (1, 2, 3, 5))
    assert work.entries == 2 * 3 * 5 * 4 * MaxUnpool.effort


def test_a_sum_over_short_rows_is_dear() -> None:
    over_rows, along_rows = Sum((0,)), Sum((1,))
    short, long = (1000, 8), (8, 1000)
    assert over_rows.work((8,), short).entries > 3 * over_rows.work((1000,), long).entries
    assert along_rows.work((1000,), short).entries == along_rows.work((8,), long).entries
    assert over_rows.work((0,), (5, 0)).entries == 0
    assert Sum(()).work((), ()).entries == Sum.effort


def step_seconds(model: gn.Model, x: np.ndarray, y: np.ndarray, size: int) -> float:
    model.compile("adam", "mse", engine="numpy")
    step = model.training_step(gn.models.data.Batch(x, y, None))
    return step.program.seconds({"m": size})


def test_what_is_small_costs_calls_and_what_is_large_its_entries() -> None:
    model = gn.Sequential([gn.Input((8,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    one, many, more = (
        step_seconds(model, np.zeros((4, 8)), np.zeros((4, 1)), n) for n in (1, 100_000, 200_000)
    )
    nodes = model.training_step(
        gn.models.data.Batch(np.zeros((4, 8)), np.zeros((4, 1)), None)
    ).program.nodes
    assert nodes * estimate.CALL_SECONDS <= one < 3 * nodes * estimate.CALL_SECONDS
    assert more / many == pytest.approx(2, rel=0.05)


def test_a_convolution_costs_more_than_its_product() -> None:
    m = Dim.named("m")
    x = Placeholder((m, 28, 28, 4), "float32", name="x")
    conv = layers.Conv2D(8, 5)
    program = Program([x], [conv(x)])
    product = 2 * 10 * 24 * 24 * 8 * 100 * estimate.OPERATION_SECONDS
    assert program.seconds({"m": 10}) > 1.5 * product


def test_float64_costs_twice_as_much() -> None:
    seconds = []
    for dtype in ("float32", "float64"):
        x = Placeholder((Dim.named("m"), 10), dtype, name="x")
        seconds.append(Program([x], [x * 3.0]).seconds({"m": 1_000_000}))
    assert seconds[1] / seconds[0] == pytest.approx(2, rel=0.01)
