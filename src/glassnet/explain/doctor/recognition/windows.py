"""Candidates with windows: convolutions, pooling."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from glassnet import layers
from glassnet.explain.doctor.recognition.problem import (
    BIAS_FAULTS,
    Candidate,
    Placement,
    Problem,
    biases,
)

_CONV: dict[int, Any] = {1: layers.Conv1D, 2: layers.Conv2D}
_TRANSPOSE: dict[int, Any] = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose}
_DEPTHWISE: dict[int, Any] = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}
_PADDING: dict[int, Any] = {1: layers.ZeroPadding1D, 2: layers.ZeroPadding2D}
_MAX: dict[int, Any] = {1: layers.MaxPooling1D, 2: layers.MaxPooling2D}
_AVERAGE: dict[int, Any] = {1: layers.AveragePooling1D, 2: layers.AveragePooling2D}

_FLIPPED = "the kernel is flipped: a true convolution, where Conv slides it as it is"
STRIDES = (1, 2, 3, 4)


def rank_of(problem: Problem) -> int:
    """Return the number of spatial axes, 0 where there are none or too many."""
    if problem.several or problem.x.dtype.kind != "f":
        return 0
    rank = int(problem.x.ndim) - 2
    return rank if rank in (1, 2) and problem.y.ndim == problem.x.ndim else 0


def convolution(problem: Problem, any_shape: bool = False) -> Iterator[Candidate]:
    """Yield convolutions, their kernel in one of the usual orders of axes, flipped or not."""
    rank = rank_of(problem)
    if not rank:
        return
    channels = problem.x.shape[-1]
    for place, weight in enumerate(problem.weights):
        for take, how in _orders(weight.ndim, rank):
            kernel = take(weight)
            if kernel.shape[-2] != channels or not (
                any_shape or kernel.shape[-1] == problem.y.shape[-1]
            ):
                continue
            size, filters = kernel.shape[:rank], kernel.shape[-1]
            for bias in biases(problem, place, filters):
                for settings, padding in _settings(problem, size, any_shape):
                    arguments = {
                        "filters": filters, "kernel_size": _short(size), **settings,
                        **({} if bias else {"use_bias": False}),
                    }  # fmt: skip
                    yield from _flips(rank, arguments, place, take, how, bias, padding)


def _flips(
    rank: int, arguments: Any, place: int, take: Any, how: str, bias: Any, padding: Any
) -> Iterator[Candidate]:
    turn = (slice(None, None, -1),) * rank
    for flipped in (False, True):

        def found(array: Any, flipped: bool = flipped) -> Any:
            return take(array)[turn] if flipped else take(array)

        told = ", ".join(t for t in (how, "flipped" if flipped else "") if t)
        kernel = Placement("kernel", place, found, told)
        base: dict[str, Any] = {
            "cls": _CONV[rank], "arguments": arguments, "placements": (kernel, *bias),
            "activated": True, "remark": _FLIPPED if flipped else "",
            "padding": (_PADDING[rank], padding) if padding else None,
        }  # fmt: skip
        yield Candidate(**base)
        for factor, fault in BIAS_FAULTS if bias else ():
            yield Candidate(**base, scales={"bias": factor}, fault=fault)


def _orders(axes: int, rank: int) -> Iterator[tuple[Any, str]]:
    """The orders in which the axes of a kernel may lie."""
    if axes == rank + 2:
        yield (lambda a: a), ""
        yield (lambda a: np.moveaxis(a, 0, -1)), "filters first"
        order = (*range(2, rank + 2), 1, 0)
        yield (lambda a: a.transpose(order)), "filters and channels first"
    if axes == rank:
        yield (lambda a: a[..., None, None]), "without axes of channels and filters"
    if axes == rank + 1:
        yield (lambda a: a[..., None, :]), "without an axis of channels"
        yield (lambda a: np.moveaxis(a, 0, -1)[..., None, :]), "filters first"


def _settings(
    problem: Problem, window: Sequence[int], any_shape: bool
) -> Iterator[tuple[dict[str, Any], int]]:
    """Strides, padding and dilation that give outputs of the right size; zeros put around."""
    given, wanted = problem.x.shape[1:-1], problem.y.shape[1:-1]

    def fits(sizes: Sequence[int]) -> bool:
        return tuple(sizes) == tuple(wanted)

    if any_shape:
        yield {}, 0
        yield {"padding": "same"}, 0
        return
    steps = itertools.product(STRIDES, repeat=len(given))
    for strides in sorted(steps, key=lambda s: (len(set(s)) > 1, s)):
        told = {"strides": _short(strides)} if set(strides) != {1} else {}
        axes = list(zip(given, window, strides, strict=True))
        if fits([(n - k) // s + 1 for n, k, s in axes]):
            yield told, 0
        if fits([-(-n // s) for n, _, s in axes]):
            yield {**told, "padding": "same"}, 0
        for zeros in (1, 2):
            if fits([(n + 2 * zeros - k) // s + 1 for n, k, s in axes]):
                yield told, zeros
    if fits([n - 2 * (k - 1) for n, k in zip(given, window, strict=True)]):
        yield {"dilation_rate": 2}, 0
    if len(given) == 1 and fits(given):
        yield {"padding": "causal"}, 0


def transposed(problem: Problem) -> Iterator[Candidate]:
    """Yield transposed convolutions."""
    rank = rank_of(problem)
    if not rank:
        return
    given, wanted = problem.x.shape[1:-1], problem.y.shape[1:-1]
    for place, weight in enumerate(problem.weights):
        if weight.ndim != rank + 2 or weight.shape[-2:] != (
            problem.y.shape[-1], problem.x.shape[-1]
        ):  # fmt: skip
            continue
        size = weight.shape[:rank]
        for stride, bias in itertools.product(STRIDES, biases(problem, place, weight.shape[-2])):
            found = {
                "valid": [
                    n * stride + max(k - stride, 0) for n, k in zip(given, size, strict=True)
                ],
                "same": [n * stride for n in given],
            }
            for padding, sizes in found.items():
                if tuple(sizes) == wanted:
                    yield Candidate(
                        _TRANSPOSE[rank],
                        {"filters": weight.shape[-2], "kernel_size": _short(size),
                         "strides": stride, "padding": padding,
                         **({} if bias else {"use_bias": False})},
                        (Placement("kernel", place), *bias), activated=True,
                    )  # fmt: skip


def depthwise(problem: Problem) -> Iterator[Candidate]:
    """Yield convolutions of each channel by itself."""
    rank = rank_of(problem)
    if not rank:
        return
    channels, out = problem.x.shape[-1], problem.y.shape[-1]
    for place, weight in enumerate(problem.weights):
        for take, how in (
            ((lambda a: a), "") if weight.ndim == rank + 2 else (None, ""),
            ((lambda a: a[..., None]), "without the axis of multiples")
            if weight.ndim == rank + 1 else (None, ""),
            ((lambda a: np.moveaxis(a, 0, -1)[..., None]), "channels first")
            if weight.ndim == rank + 1 else (None, ""),
        ):  # fmt: skip
            if take is None:
                continue
            kernel = take(weight)
            if kernel.shape[-2] != channels:
                continue
            if channels * kernel.shape[-1] != out:
                continue
            for bias in biases(problem, place, out):
                for settings, zeros in _settings(problem, kernel.shape[:rank], False):
                    if zeros or "dilation_rate" in settings or settings.get("padding") == "causal":
                        continue
                    yield Candidate(
                        _DEPTHWISE[rank],
                        {"kernel_size": _short(kernel.shape[:rank]), **settings,
                         **({"depth_multiplier": kernel.shape[-1]} if kernel.shape[-1] > 1 else {}),
                         **({} if bias else {"use_bias": False})},
                        (Placement("kernel", place, take, how), *bias), activated=True,
                    )  # fmt: skip


def pooling(problem: Problem, any_shape: bool = False) -> Iterator[Candidate]:
    """Yield maximum and average pooling of the windows that give outputs of the right size."""
    yield from _global(problem)
    rank = rank_of(problem)
    if not rank or problem.weights or problem.x.shape[-1] != problem.y.shape[-1]:
        return
    given, wanted = problem.x.shape[1:-1], problem.y.shape[1:-1]
    if any_shape:
        for cls in (_MAX[rank], _AVERAGE[rank]):
            yield Candidate(cls, {"pool_size": 2})
        return
    for padding in ("valid", "same"):
        ways = [list(_axis(n, w, padding)) for n, w in zip(given, wanted, strict=True)]
        square = [w for w in ways[0] if all(w in other for other in ways)]
        others = [c for c in itertools.product(*ways) if len(set(c)) > 1] if rank == 2 else []
        for chosen in (*((w,) * rank for w in square), *others[:60]):
            pool, stride = [w[0] for w in chosen], [w[1] for w in chosen]
            arguments: dict[str, Any] = {"pool_size": _short(pool)}
            if stride != pool:
                arguments["strides"] = _short(stride)
            if padding == "same":
                arguments["padding"] = "same"
            for cls in (_MAX[rank], _AVERAGE[rank]):
                yield Candidate(cls, arguments)


def _global(problem: Problem) -> Iterator[Candidate]:
    """Pooling over all places at once."""
    if problem.several or problem.weights or problem.x.dtype.kind != "f":
        return
    axes, left = problem.x.ndim, problem.y.ndim
    if axes not in (3, 4) or not (left == 2 or (left == axes and {*problem.y.shape[1:-1]} == {1})):
        return
    told = {"keepdims": True} if left == axes else {}
    for kind in ("Average", "Max"):
        yield Candidate(getattr(layers, f"Global{kind}Pooling{axes - 2}D"), told)


def _axis(size: int, wanted: int, padding: str) -> Iterator[tuple[int, int]]:
    """Sizes and strides of windows along one axis; windows that don't overlap come first."""
    pairs = [(k, s) for k in range(1, 6) for s in STRIDES if (k, s) != (1, 1)]
    for k, s in sorted(pairs, key=lambda p: (p[0] != p[1], p)):
        found = -(-size // s) if padding == "same" else (size - k) // s + 1
        if found == wanted and k <= size:
            yield k, s


def _short(sizes: Sequence[int]) -> Any:
    """One number where all are equal."""
    return int(sizes[0]) if len(set(sizes)) == 1 else tuple(int(s) for s in sizes)
