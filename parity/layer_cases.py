"""Random arguments and inputs for the layers of images and sequences, awkward ones among them.

Each function draws the arguments of one layer and an input that they fit: even kernels, strides
larger than the kernel, dilation with groups, axes of one entry, a batch of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Case = tuple[dict[str, Any], np.ndarray]


def _one_of(rng: np.random.Generator, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _sizes(rng: np.random.Generator, rank: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(low, high + 1, rank))


def _argument(rng: np.random.Generator, sizes: tuple[int, ...]) -> Any:
    """Return the sizes as a person might write them: one integer where they are equal."""
    return sizes[0] if len(set(sizes)) == 1 and rng.random() < 0.5 else sizes


def image(
    rng: np.random.Generator, smallest: tuple[int, ...], channels: int, extra: int = 5
) -> np.ndarray:
    """Return random examples whose spatial axes have at least the sizes ``smallest``."""
    batch = _one_of(rng, 1, 2, 3)
    sizes = tuple(n + int(rng.integers(0, extra)) for n in smallest)
    return rng.normal(size=(batch, *sizes, channels)).astype(np.float32)


def _weights_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return an activation, and now and then a missing bias."""
    return {"activation": _one_of(rng, None, "tanh", "sigmoid"), "use_bias": rng.random() < 0.7}


def _motion(rng: np.random.Generator, rank: int, paddings: tuple[str, ...]) -> dict[str, Any]:
    """Return kernel, padding, and either strides or dilation (Keras refuses both at once)."""
    kernel, strides, dilation = _sizes(rng, rank, 1, 4), (1,) * rank, (1,) * rank
    if rng.random() < 0.5:
        strides = _sizes(rng, rank, 1, 5)
    elif rng.random() < 0.6:
        dilation = _sizes(rng, rank, 1, 3)
    return {
        "kernel_size": _argument(rng, kernel),
        "strides": _argument(rng, strides),
        "dilation_rate": _argument(rng, dilation),
        "padding": _one_of(rng, *paddings),
    }


def _smallest(arguments: dict[str, Any], rank: int) -> tuple[int, ...]:
    """Return the smallest input for the kernel."""
    if arguments["padding"] != "valid":
        return (1,) * rank
    kernel, dilation = arguments["kernel_size"], arguments["dilation_rate"]
    pairs = zip(np.broadcast_to(kernel, rank), np.broadcast_to(dilation, rank), strict=True)
    return tuple(int(d * (k - 1) + 1) for k, d in pairs)


def convolution(rng: np.random.Generator, rank: int) -> Case:
    """Draw a convolution; in one dimension causal ones too."""
    paddings = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    arguments = _motion(rng, rank, paddings)
    groups = _one_of(rng, 1, 1, 2, 3)
    arguments |= {"groups": groups, "filters": groups * int(rng.integers(1, 3))}
    arguments |= _weights_of(rng)
    channels = groups * int(rng.integers(1, 3))
    return arguments, image(rng, _smallest(arguments, rank), channels)


def transposed(rng: np.random.Generator, rank: int) -> Case:
    """Draw a transposed convolution, half of them with an output padding."""
    arguments = _motion(rng, rank, ("valid", "same"))
    strides = np.broadcast_to(arguments["strides"], rank)
    if rng.random() < 0.5:
        arguments["output_padding"] = tuple(int(rng.integers(0, s)) for s in strides)
    arguments |= {"filters": int(rng.integers(1, 4))} | _weights_of(rng)
    return arguments, image(rng, (1,) * rank, int(rng.integers(1, 4)), extra=4)


def depthwise(rng: np.random.Generator, rank: int) -> Case:
    """Draw a depthwise convolution; its strides are equal along both axes."""
    arguments = _motion(rng, rank, ("valid", "same"))
    arguments["strides"] = int(np.max(arguments["strides"]))
    arguments |= {"depth_multiplier": int(rng.integers(1, 4))} | _weights_of(rng)
    return arguments, image(rng, _smallest(arguments, rank), int(rng.integers(1, 4)))


def separable(rng: np.random.Generator, rank: int) -> Case:
    """Draw a separable convolution."""
    arguments, x = depthwise(rng, rank)
    return arguments | {"filters": int(rng.integers(1, 4))}, x


def pooling(rng: np.random.Generator, rank: int) -> Case:
    """Draw a pooling. All entries differ, so that each window has one largest entry."""
    size = _sizes(rng, rank, 1, 4)
    arguments = {"pool_size": _argument(rng, size), "padding": _one_of(rng, "valid", "same")}
    if rng.random() < 0.6:
        arguments["strides"] = _argument(rng, _sizes(rng, rank, 1, 5))
    x = image(rng, size if arguments["padding"] == "valid" else (1,) * rank, 2)
    return arguments, rng.permutation(x.size).reshape(x.shape).astype(np.float32) / 8
