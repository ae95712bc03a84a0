"""The functions of chance: on the page a distribution, in a program the numbers that it gave.

The page shows the distribution alone. A program draws what the library drew, bit for bit: the
seed, the stream and the step are key and counter of the generator Philox.

Source: J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
2011.
"""

from __future__ import annotations

from glassnet.formulas.functions import Function

PHILOX = Function("philox", meaning="the generator of one draw", source="""
def philox(seed, stream, step):
    # the seed and the number of the draw are the key, the step is the highest word of the counter
    key, counter = np.array([seed, stream], np.uint64), np.array([0, 0, 0, int(step)], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
""")  # fmt: skip

DRAWN = Function("drawn", meaning="drawn numbers as the network keeps them", source="""
def drawn(numbers, dtype, columns):
    numbers = np.asarray(numbers, dtype=dtype)
    return numbers.T if columns else numbers
""")  # fmt: skip

_NEEDS = ("philox", "drawn")

BERNOULLI = Function("Bernoulli", numpy="bernoulli", drawn=True, needs=_NEEDS, meaning=(
    "1 with probability $p$, else 0, each entry for itself"), source="""
def bernoulli(step, p=0.5, seed=0, stream=0, shape=(), dtype="float64", columns=False):
    # 32 random bits are below p 2^32 with probability p
    size = int(np.prod(shape))
    bits = philox(seed, stream, step).bit_generator.random_raw((size + 1) // 2).view(np.uint32)
    return drawn((bits[:size] < round(p * 2**32)).reshape(shape), dtype, columns)
""")  # fmt: skip

UNIFORM = Function("Uniform", numpy="uniform", drawn=True, needs=_NEEDS, meaning=(
    r"evenly distributed between $\mathrm{low}$ and $\mathrm{high}$, 0 and 1 where nothing is said"
    ), source="""
def uniform(step, low=0.0, high=1.0, seed=0, stream=0, shape=(), dtype="float64", columns=False):
    kind = np.float64 if dtype == "float64" else np.float32
    u = philox(seed, stream, step).random(shape, kind)
    if (low, high) != (0.0, 1.0) or dtype == "float16":
        end = np.nextafter(np.dtype(dtype).type(high), np.dtype(dtype).type(low))
        u = np.minimum((u * kind(high - low) + kind(low)).astype(dtype), end)
    return drawn(u, dtype, columns)
""")  # fmt: skip

NORMAL = Function("Normal", numpy="normal", drawn=True, needs=_NEEDS, meaning=(
    r"normally distributed; mean 0 and standard deviation $\mathrm{std} = 1$ where nothing is said"
    ), source="""
def normal(step, mean=0.0, std=1.0, seed=0, stream=0, shape=(), dtype="float64", columns=False):
    kind = np.float64 if dtype == "float64" else np.float32
    z = philox(seed, stream, step).standard_normal(shape, kind)
    return drawn(z * kind(std) + kind(mean), dtype, columns)
""")  # fmt: skip

TRUNCATED_NORMAL = Function(
    "TruncatedNormal", numpy="truncated_normal", drawn=True, needs=_NEEDS, meaning=(
    "normally distributed, drawn again where further from the mean than two standard deviations"
    ), source="""
def truncated_normal(
    step, mean=0.0, std=1.0, seed=0, stream=0, shape=(), dtype="float64", columns=False
):
    kind = np.float64 if dtype == "float64" else np.float32
    rng = philox(seed, stream, step)
    z = np.asarray(rng.standard_normal(shape, kind))
    far = np.abs(z) > 2
    while far.any():
        z[far] = rng.standard_normal(int(far.sum()), kind)
        far = np.abs(z) > 2
    return drawn(z * kind(std) + kind(mean), dtype, columns)
""")  # fmt: skip

INTEGERS = Function("Integers", numpy="integers", drawn=True, needs=_NEEDS, meaning=(
    r"whole numbers, each from $\mathrm{low}$ up to, and without, $\mathrm{high}$ equally likely"
    ), source="""
def integers(step, low=0, high=2, seed=0, stream=0, shape=(), dtype="int64", columns=False):
    found = philox(seed, stream, step).integers(low, high, shape, dtype)
    return drawn(found, dtype, columns)
""")  # fmt: skip

PERMUTATION = Function("Permutation", numpy="permutation", drawn=True, needs=_NEEDS, meaning=(
    "the numbers from 0 in random order"), source="""
def permutation(step, seed=0, stream=0, shape=(), dtype="int64", columns=False):
    found = philox(seed, stream, step).permutation(int(np.prod(shape))).reshape(shape)
    return drawn(found, dtype, columns)
""")  # fmt: skip
