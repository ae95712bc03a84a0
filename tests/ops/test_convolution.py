"""Convolution against loops over single numbers, SciPy and NumPy; derivatives; errors."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import signal

from glassnet.engines import Program
from glassnet.graph import Placeholder, Sample, gradients
from glassnet.graph.dimension import Dim
from glassnet.ops import columns
from glassnet.ops.convolution import (
    conv,
    conv_transpose,
    convolve,
    correlate,
    depthwise_conv,
    separable_conv,
)
from glassnet.ops.sliding import Convolution, KernelCorrelation, Sliding, TransposedConvolution

OPS = (Convolution, TransposedConvolution, KernelCorrelation)
SAMPLES = [sample for op in OPS for sample in op.samples()]
OTHER_NAMESPACE = SimpleNamespace(**vars(np))  # takes the path of namespaces that are not NumPy


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def terms(op: Sliding, x: tuple[int, ...], kernel: tuple[int, ...]):
    """Every (index of y, index of x, index of K) of the sum, straight from the definition."""
    filters, groups = kernel[-1], op.groups
    counts = op.slide().counts(x[1:-1], kernel[:-2])
    for i, place, cell, c, f in itertools.product(
        range(x[0]),
        np.ndindex(*counts),
        np.ndindex(*kernel[:-2]),
        range(kernel[-2]),
        range(filters),
    ):
        at = tuple(
            s * p + d * o - lo
            for s, p, d, o, (lo, _) in zip(
                op.strides, place, op.dilation, cell, op.padding, strict=True
            )
        )
        if all(0 <= a < n for a, n in zip(at, x[1:-1], strict=True)):
            group = f // (filters // groups)
            yield (i, *place, f), (i, *at, group * kernel[-2] + c), (*cell, c, f)


def naive(op: Sliding, *arrays: np.ndarray) -> np.ndarray:
    """The value of each of the three ops, one product at a time."""
    first, second = arrays
    if isinstance(op, Convolution):
        x, kernel = first.shape, second.shape
        counts = op.slide().counts(x[1:-1], kernel[:-2])
        result = np.zeros((x[0], *counts, kernel[-1]))
        for y, a, k in terms(op, x, kernel):
            result[y] += first[a] * second[k]
    elif isinstance(op, TransposedConvolution):
        sizes = op.slide().sizes(first.shape[1:-1], second.shape[:-2])
        result = np.zeros((first.shape[0], *sizes, second.shape[-2] * op.groups))
        for y, a, k in terms(op, result.shape, second.shape):
            result[a] += first[y] * second[k]
    else:
        cells = op.slide().cells(first.shape[1:-1], second.shape[1:-1])
        result = np.zeros((*cells, first.shape[-1] // op.groups, second.shape[-1]))
        for y, a, k in terms(op, first.shape, result.shape):
            result[k] += first[a] * second[y]
    return result


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: str(s.op))
def test_the_ops_are_sums_of_products(sample: Sample) -> None:
    expected = naive(sample.op, *sample.inputs)
    np.testing.assert_allclose(sample.op.value(np, *sample.inputs), expected, atol=1e-12)
    other = sample.op.value(OTHER_NAMESPACE, *sample.inputs)
    np.testing.assert_allclose(other, expected, atol=1e-12)
    places = [Placeholder(a.shape, a.dtype) for a in sample.inputs]
    assert sample.op.infer(*places) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: str(s.op))
def test_small_blocks_give_the_same(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sample.op.value(np, *sample.inputs)
    monkeypatch.setattr(columns, "_CACHED", 64)  # one row of one example at a time
    monkeypatch.setattr(columns, "_FEW_CHANNELS", 1)
    np.testing.assert_allclose(sample.op.value(np, *sample.inputs), expected, atol=1e-12)
    monkeypatch.setattr(columns, "_FEW_CHANNELS", 100)
    np.testing.assert_allclose(sample.op.value(np, *sample.inputs), expected, atol=1e-12)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: str(s.op))
def test_derivatives_to_second_order(sample: Sample) -> None:
    """Each op is linear in each input, so a difference of values is the derivative, exactly."""
    inputs = [Placeholder(a.shape, a.dtype) for a in sample.inputs]
    shape, dtype = sample.op.infer(*inputs)
    from glassnet.graph import record

    y = record(sample.op, *inputs)
    seed = Placeholder(shape, dtype)
    first = gradients([y], inputs, [seed])
    weights = [Placeholder(a.shape, a.dtype) for a in sample.inputs]
    second = gradients(first, [*inputs, seed], weights)
    program = Program([*inputs, seed, *weights], [*first, *second])
    values = [*sample.inputs, draw(*shape, seed=1)]
    moves = [draw(*a.shape, seed=2 + i) for i, a in enumerate(values)]
    ws = [draw(*a.shape, seed=9 + i) for i, a in enumerate(sample.inputs)]
    got = program.run(*values, *ws)

    def g_dot_y(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> float:
        return float((g * naive(sample.op, a, b)).sum())

    def w_dot_first(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> float:
        # ⟨w₁, ∂/∂a⟩ + ⟨w₂, ∂/∂b⟩ of a function linear in a and in b
        return g_dot_y(ws[0], b, g) + g_dot_y(a, ws[1], g)

    for i in range(2):
        moved = [
            move if j == i else v for j, (v, move) in enumerate(zip(values, moves, strict=True))
        ]
        np.testing.assert_allclose((moves[i] * got[i]).sum(), g_dot_y(*moved), rtol=1e-9, atol=1e-9)
    for i in range(3):
        ahead = [v + m if j == i else v for j, (v, m) in enumerate(zip(values, moves, strict=True))]
        change = w_dot_first(*ahead) - w_dot_first(*values)
        np.testing.assert_allclose((moves[i] * got[2 + i]).sum(), change, rtol=1e-9, atol=1e-9)


# --- functions --------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["valid", "full"])
def test_conv_is_the_correlation_of_scipy(mode: str) -> None:
    x, kernel = draw(7, 6), draw(3, 2, seed=1)
    expected = signal.correlate2d(x, kernel, mode)
    got = conv(x[None, :, :, None], kernel[:, :, None, None], padding=mode)
    np.testing.assert_allclose(got.numpy()[0, :, :, 0], expected, atol=1e-12)


def test_same_pads_an_odd_rest_at_the_end() -> None:
    got = conv(np.array([[[1.0], [2.0], [3.0]]]), np.array([[[1.0]], [[10.0]]]), padding="same")
    assert got.numpy()[0, :, 0].tolist() == [21.0, 32.0, 3.0]


def test_same_with_strides_gives_the_ceiling() -> None:
    assert conv(draw(1, 7, 8, 1), draw(3, 3, 1, 2), 3, "same").shape == (1, 3, 3, 2)


def test_causal_sees_no_later_cell() -> None:
    x = np.array([1.0, 10.0, 100.0])[None, :, None]
    got = conv(x, np.ones((2, 1, 1)), padding="causal")
    assert got.numpy()[0, :, 0].tolist() == [1.0, 11.0, 110.0]


def test_pairs_pad_each_side() -> None:
    got = conv(np.ones((1, 2, 1)), np.ones((2, 1, 1)), padding=[(1, 2)])
    assert got.numpy()[0, :, 0].tolist() == [1.0, 2.0, 1.0, 0.0]


def test_groups_follow_from_the_kernel() -> None:
    x, kernel = draw(1, 4, 4), draw(2, 2, 6, seed=1)
    halves = [
        conv(x[..., :2], kernel[..., :3]).numpy(),
        conv(x[..., 2:], kernel[..., 3:]).numpy(),
    ]
    np.testing.assert_allclose(conv(x, kernel).numpy(), np.concatenate(halves, -1), atol=1e-12)


def test_depthwise_keeps_the_filters_of_a_channel_together() -> None:
    x, kernel = draw(2, 5, 2), draw(3, 2, 2, seed=1)
    got = depthwise_conv(x, kernel).numpy()
    for c, j in itertools.product(range(2), range(2)):
        expected = np.correlate(x[0, :, c], kernel[:, c, j])
        np.testing.assert_allclose(got[0, :, 2 * c + j], expected, atol=1e-12)


def test_separable_is_depthwise_then_pointwise() -> None:
    x, depth, point = draw(1, 5, 5, 2), draw(3, 2, 2, 2, seed=1), draw(1, 1, 4, 3, seed=2)
    each = depthwise_conv(x, depth, 2, "same").numpy()
    got = separable_conv(x, depth, point, 2, "same")
    np.testing.assert_allclose(got.numpy(), each @ point[0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("n", "k", "s", "padding", "more", "size"),
    [
        (4, 3, 1, "valid", None, 6),
        (4, 3, 2, "valid", None, 9),
        (4, 2, 3, "valid", None, 12),  # gaps: (n − 1)·s + max(k, s)
        (4, 3, 2, "same", None, 8),
        (4, 2, 3, "same", None, 12),
        (4, 3, 2, "same", 1, 8),
        (4, 4, 3, "same", 2, 11),
        (4, 3, 2, "valid", 1, 10),
    ],
)
def test_size_of_conv_transpose(
    n: int, k: int, s: int, padding: str, more: int | None, size: int
) -> None:
    got = conv_transpose(draw(2, n, 3), draw(k, 5, 3), s, padding, more)
    assert got.shape == (2, size, 5)


def test_conv_transpose_adds_a_kernel_at_each_place() -> None:
    x, kernel = np.array([1.0, 2.0])[None, :, None], np.array([1.0, 10.0, 100.0])[:, None, None]
    assert conv_transpose(x, kernel, 2).numpy()[0, :, 0].tolist() == [1, 10, 102, 20, 200]
    assert conv_transpose(x, kernel, 2, "same").numpy()[0, :, 0].tolist() == [1, 10, 102, 20]


@pytest.mark.parametrize(("n", "k"), [(5, 3), (5, 2), (3, 5), (2, 5), (4, 4), (1, 3), (3, 1)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_sequences_as_numpy(n: int, k: int, mode: str) -> None:
    a, v = draw(n), draw(k, seed=1)
    np.testing.assert_allclose(correlate(a, v, mode).numpy(), np.correlate(a, v, mode), atol=1e-12)
    np.testing.assert_allclose(convolve(a, v, mode).numpy(), np.convolve(a, v, mode), atol=1e-12)


def test_numpy_convolve_takes_tensors() -> None:
    x = Placeholder((Dim.named("m"), 5))
    with pytest.raises(ValueError, match="one-dimensional"):
        np.convolve(x, x)
    a = Placeholder((4,), "float64")
    (got,) = Program([a], [np.convolve(a, np.ones(2))]).run([1.0, 2.0, 3.0, 4.0])
    assert got.tolist() == [1.0, 3.0, 5.0, 7.0, 4.0]


def test_integers_stay_integers_in_sequences() -> None:
    got = convolve(np.array([1, 2, 3]), np.array([1, 1]))
    assert got.numpy().tolist() == [1, 3, 5, 3]
    assert got.dtype == np.int64


# --- named sizes ------------------------------------------------------------------------------
@pytest.mark.parametrize("padding", ["valid", "same", "full", "causal"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_named_sizes_are_bound_at_run_time(padding: str, stride: int, k: int) -> None:
    m, n = Dim.named("m"), Dim.named("n")
    x = Placeholder((m, n, 2), "float64")
    kernel = Placeholder((k, 2, 3), "float64")
    y = conv(x, kernel, stride, padding)
    loss = np.sum(y * y)
    program = Program([x, kernel], [y, *gradients([loss], [x, kernel])])
    for size in (3, 4, 7):
        values = draw(2, size, 2), draw(k, 2, 3)
        got = program.run(*values)
        fixed = [Placeholder(v.shape, v.dtype) for v in values]
        z = conv(*fixed, stride, padding)
        want = Program(fixed, [z, *gradients([np.sum(z * z)], fixed)]).run(*values)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv_transpose_of_a_named_size(padding: str) -> None:
    n = Dim.named("n")
    x, kernel = Placeholder((1, n, 2), "float64"), draw(2, 3, 2)
    y = conv_transpose(x, kernel, 3, padding)
    assert y.shape == (1, 3 * n, 3)
    got, slope = Program([x], [y, *gradients([np.sum(y)], [x])]).run(draw(1, 4, 2))
    assert got.shape == (1, 12, 3)
    np.testing.assert_allclose(slope, np.broadcast_to(kernel.sum((0, 1)), (1, 4, 2)))


def test_an_input_that_turns_out_too_short() -> None:
    x = Placeholder((1, Dim.named("n"), 1))
    program = Program([x], [conv(x, np.ones((3, 1, 1), np.float32))])
    with pytest.raises(ValueError, match="smaller kernel"):
        program.run(np.ones((1, 2, 1)))


def test_an_empty_batch() -> None:
    x = Placeholder((Dim.named("m"), 4, 4, 2), "float64")
    kernel = Placeholder((3, 3, 2, 5), "float64")
    y = conv(x, kernel)
    got = Program([x, kernel], [y, *gradients([np.sum(y)], [x, kernel])]).run(
        np.zeros((0, 4, 4, 2)), np.ones((3, 3, 2, 5))
    )
    assert [a.shape for a in got] == [(0, 2, 2, 5), (0, 4, 4, 2), (3, 3, 2, 5)]
    assert not got[2].any()


def test_float32_stays_float32() -> None:
    x, kernel = draw(1, 4, 4, 2).astype(np.float32), draw(3, 3, 2, 2).astype(np.float32)
    assert conv(x, kernel).numpy().dtype == np.float32
    assert conv_transpose(x, kernel).numpy().dtype == np.float32


# --- errors -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("x", "kernel", "arguments", "message"),
    [
        ((1, 2, 5, 1), (3, 3, 1, 1), {}, "spatial axis 0 has 2 cells.*reaches over 3"),
        ((1, 4, 4, 1), (3, 3, 1, 1), {"dilation_rate": 2}, "reaches over 5"),
        ((1, 5, 3), (2, 2, 4), {}, "3 must be a multiple of 2"),
        ((1, 5, 4), (2, 2, 3), {}, "filters, 3, must be a multiple of 2"),
        ((5, 3), (2, 3), {}, r"\(m, n…, c\)"),
        ((1, 5, 5, 3), (2, 3, 4), {}, "kernel with 4 axes"),
        ((1, 5, 3), (2, 3, 4), {"strides": 0}, "strides: expected an integer of at least 1"),
        ((1, 5, 3), (2, 3, 4), {"strides": (1, 1)}, "or 1 of them"),
        ((1, 5, 3), (2, 3, 4), {"strides": 1.5}, "strides"),
        ((1, 5, 3), (2, 3, 4), {"dilation_rate": 0}, "dilation_rate"),
        ((1, 5, 3), (2, 3, 4), {"padding": "sane"}, "padding is 'valid'"),
        ((1, 5, 3), (2, 3, 4), {"padding": ((1, 1), (1, 1))}, "a pair of padding for each of 1"),
        ((1, 5, 3), (2, 3, 4), {"padding": ((1, -1),)}, "at least 0"),
        ((1, 5, 3), (2, 3, 4), {"data_format": "channels_first"}, "moveaxis"),
    ],
)
def test_errors_of_conv(x, kernel, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        conv(draw(*x), draw(*kernel), **arguments)


def test_errors_of_the_relatives() -> None:
    with pytest.raises(ValueError, match="filters for 3"):
        depthwise_conv(draw(1, 5, 2), draw(2, 3, 1))
    with pytest.raises(ValueError, match="one cell along each spatial axis"):
        separable_conv(draw(1, 5, 2), draw(2, 2, 1), draw(2, 2, 1))
    with pytest.raises(ValueError, match="filters come first"):
        conv_transpose(draw(1, 5, 2), draw(2, 2, 3))
    with pytest.raises(ValueError, match="'valid' or 'same'"):
        conv_transpose(draw(1, 5, 2), draw(2, 3, 2), padding="full")
    with pytest.raises(ValueError, match="channels last"):
        conv_transpose(draw(1, 5, 2), draw(2, 3, 2), data_format="channels_first")
    with pytest.raises(ValueError, match="mode is"):
        correlate(draw(3), draw(2), "some")
    with pytest.raises(ValueError, match="mode is"):
        convolve(draw(3), draw(2), "some")
    with pytest.raises(ValueError, match="with entries"):
        convolve(draw(0), draw(2))


def test_an_op_whose_windows_do_not_end_with_the_axis_is_refused() -> None:
    x, kernel = Placeholder((1, 5, 1)), Placeholder((2, 1, 1))
    with pytest.raises(ValueError, match="does not end with a window"):
        Convolution((2,), ((0, 0),), (1,)).infer(x, kernel)
