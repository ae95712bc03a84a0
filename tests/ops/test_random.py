"""Counted randomness: distributions against SciPy's, and what makes draws equal or different."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from glassnet import config, random
from glassnet.engines import Program
from glassnet.graph import STEP, Placeholder, gradients, record, recording
from glassnet.graph.dimension import Dim
from glassnet.ops.random import (
    Bernoulli,
    Random,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    philox,
)

MANY = 40_000
FLOATS = ("float16", "float32", "float64")


# --- distributions ------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (lambda d: random.uniform((MANY,), -1.0, 3.0, d, seed=1), stats.uniform(-1, 4)),
        (lambda d: random.uniform((MANY,), dtype=d, seed=2), stats.uniform()),
        (lambda d: random.normal((MANY,), 2.0, 0.5, d, seed=3), stats.norm(2, 0.5)),
        (
            lambda d: random.truncated_normal((MANY,), 1.0, 3.0, d, seed=4),
            stats.truncnorm(-2, 2, 1, 3),
        ),
    ],
)
def test_floats_follow_their_distribution(draw, distribution, dtype: str) -> None:
    x = draw(dtype).numpy()
    assert x.dtype == dtype
    assert stats.kstest(x, distribution.cdf).pvalue > 0.01
    spread = distribution.std() / np.sqrt(MANY)
    assert abs(x.mean() - distribution.mean()) < 4 * spread
    assert x.var() == pytest.approx(distribution.var(), rel=0.03)


def test_neighbours_are_independent() -> None:
    x = random.normal((MANY,), seed=5).numpy()
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 4 / np.sqrt(MANY)
    # the same seed at two steps, and two streams at the same step
    op = RandomNormal(5, 0, (MANY,))
    other = op.value(np, 1), RandomNormal(5, 1, (MANY,)).value(np, 0)
    for y in other:
        assert abs(np.corrcoef(op.value(np, 0), y)[0, 1]) < 4 / np.sqrt(MANY)


def test_truncated_normal_stays_within_two_deviations() -> None:
    x = random.truncated_normal((MANY,), 10.0, 2.0, seed=6).numpy()
    assert x.min() >= 6
    assert x.max() <= 14


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_never_reaches_its_end(dtype: str) -> None:
    x = random.uniform((MANY,), 0.0, 1.0, dtype, seed=7).numpy()
    assert x.min() >= 0
    assert x.max() < 1
    x = random.uniform((MANY,), 1000.0, 1001.0, dtype, seed=7).numpy()
    assert x.min() >= 1000
    assert x.max() < 1001


@pytest.mark.parametrize("p", [0.0, 0.003, 0.5, 0.9, 1.0])
def test_bernoulli_hits_with_its_probability(p: float) -> None:
    x = random.bernoulli((MANY,), p, seed=8).numpy()
    assert set(np.unique(x)) <= {0.0, 1.0}
    assert stats.binomtest(int(x.sum()), MANY, p).pvalue > 0.001


def test_integers_are_equally_likely() -> None:
    x = random.randint((MANY,), -2, 5, seed=9).numpy()
    assert x.dtype == np.int32
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3, 4]
    assert stats.chisquare(counts).pvalue > 0.01


def test_categorical_follows_softmax() -> None:
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        x = random.categorical(np.log(p), MANY, seed=10).numpy()
    assert x.shape == (2, MANY)
    assert x.dtype == np.int32
    counts = np.bincount(x[0], minlength=3)
    assert stats.chisquare(counts, p[0] * MANY).pvalue > 0.01
    assert set(np.unique(x[1])) == {0, 1}


def test_every_permutation_is_equally_likely() -> None:
    seeds = SeedGenerator(11)
    orders = [tuple(random.permutation(3, seeds).tolist()) for _ in range(1200)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.01


def test_shuffle_keeps_rows_whole() -> None:
    x = np.arange(20).reshape(10, 2)
    y = random.shuffle(x, seed=12).numpy()
    assert not np.array_equal(x, y)
    assert sorted(map(tuple, y.tolist())) == sorted(map(tuple, x.tolist()))
    z = random.shuffle(x.T, axis=1, seed=12).numpy()
    assert np.array_equal(z, y.T)


# --- what makes draws equal ---------------------------------------------------------------------
def test_a_draw_is_philox_of_its_three_numbers() -> None:
    """The bits are those of NumPy's own Philox, so a saved run can be checked by hand."""
    bits = np.random.Philox(key=[3, 1], counter=[0, 0, 0, 7])
    expected = np.random.Generator(bits).random((2, 3), dtype=np.float32)
    assert np.array_equal(RandomUniform(3, 1, (2, 3)).value(np, np.array(7)), expected)
    assert np.array_equal(philox(3, 1, 7).random((2, 3), dtype=np.float32), expected)


@pytest.mark.parametrize("op", sorted(Random.__subclasses__(), key=lambda c: c.name))
def test_the_same_three_numbers_draw_the_same(op: type[Random]) -> None:
    for sample in op.samples():
        first, second = (sample.op.value(np, *sample.inputs) for _ in range(2))
        assert np.array_equal(first, second)
        shape, dtype = sample.op.infer(Placeholder((), "int64"))
        assert (first.shape, first.dtype) == (shape, dtype)


def test_seed_stream_and_step_each_change_the_draw() -> None:
    draws = [
        RandomNormal(seed, stream, (4,)).value(np, step)
        for seed in (0, 1, 2**63)
        for stream in (0, 1)
        for step in (0, 1, 2**40)
    ]
    assert len({d.tobytes() for d in draws}) == len(draws)


def test_a_recording_counts_streams_and_the_run_gives_the_step() -> None:
    seeds = SeedGenerator(13)
    x = Placeholder((Dim.named("m"), 2))

    def build() -> Program:
        with recording():
            first = random.normal((x.shape[0], 2), seed=seeds)
            second = random.normal((x.shape[0], 2), seed=13)
            return Program([x], [first + x, second + x])

    program, again = build(), build()
    rows = np.zeros((3, 2))
    a, b = program.run(rows, step=4)
    assert not np.array_equal(a, b)  # two draws of one seed are two streams
    assert np.array_equal(a, again.run(rows, step=4)[0])  # recorded again: the same
    assert np.array_equal(b, again.run(rows, step=4)[1])
    assert not np.array_equal(a, program.run(rows, step=5)[0])
    assert np.array_equal(a, program.run(rows, step=4)[0])  # a resumed run
    assert program.run(np.zeros((5, 2)), step=4)[0].shape == (5, 2)


def three(seed: int | SeedGenerator) -> list[float]:
    return random.normal((3,), seed=seed).tolist()


def test_at_once_an_integer_repeats_and_a_generator_goes_on() -> None:
    assert three(1) == three(1)
    seeds, other = SeedGenerator(1), SeedGenerator(1)
    first, second = three(seeds), three(seeds)
    assert first != second
    assert [three(other), three(other)] == [first, second]


def test_the_global_seed_decides_where_none_is_given() -> None:
    config.set_random_seed(3)
    first = [random.uniform((3,)).numpy() for _ in range(2)]
    config.set_random_seed(3)
    again = [random.uniform((3,)).numpy() for _ in range(2)]
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], first[1])


def test_a_seed_generator_is_remade_from_its_config() -> None:
    seeds = SeedGenerator()
    assert SeedGenerator.from_config(seeds.get_config()).seed == seeds.seed


# --- dropout ------------------------------------------------------------------------------------
def test_dropout_keeps_the_mean_and_scales_what_it_keeps() -> None:
    x = np.full((200, 200), 3.0, np.float32)
    y = random.dropout(x, 0.25, seed=14).numpy()
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.unique(y), [0, 4], rtol=1e-6)
    assert stats.binomtest(int((y == 0).sum()), y.size, 0.25).pvalue > 0.001


def test_dropout_of_whole_channels() -> None:
    y = random.dropout(np.ones((50, 4, 3)), 0.5, (None, 1, 3), seed=15).numpy()
    assert np.array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert len(np.unique(y[:, 0], axis=0)) > 1


def test_dropout_at_the_ends() -> None:
    x = np.ones((3, 2))
    assert random.dropout(x, 0.0).tolist() == x.tolist()
    assert random.dropout(x, 1.0).tolist() == (0 * x).tolist()


def test_the_derivative_of_dropout_is_its_mask() -> None:
    x = Placeholder((Dim.named("m"), 5), "float64")
    with recording():
        y = random.dropout(x, 0.4, seed=16)
        (slope,) = gradients([np.sum(y)], [x])
    values = np.random.default_rng(0).normal(size=(30, 5))
    dropped, mask = Program([x], [y, slope]).run(values, step=2)
    np.testing.assert_allclose(dropped, values * mask)
    np.testing.assert_allclose(np.unique(mask), [0, 1 / 0.6])


def test_a_recorded_draw_is_a_node_that_awaits_its_step() -> None:
    with recording():
        y = random.uniform((2,), seed=1)
    assert y.inputs == (STEP,)


# --- errors -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.uniform((2,), 1.0, 0.0), "minval <= maxval"),
        (lambda: random.uniform((2,), dtype="int32"), "float dtype.*randint"),
        (lambda: random.normal((2,), stddev=-1.0), "stddev of at least 0"),
        (lambda: random.truncated_normal((2,), stddev=-1.0), "stddev of at least 0"),
        (lambda: random.bernoulli((2,), 1.5), "between 0 and 1"),
        (lambda: random.randint((2,), 3, 3), "minval < maxval"),
        (lambda: random.randint((2,), 0, 300, "uint8"), "does not hold"),
        (lambda: random.randint((2,), 0, 3, "float32"), "integer dtype"),
        (lambda: random.dropout(np.ones(3), 1.5), "rate lies between 0 and 1"),
        (lambda: random.dropout(np.ones((3, 2)), 0.5, (3,)), "noise_shape"),
        (lambda: random.dropout(np.ones((3, 2)), 0.5, (3, 4)), "noise_shape"),
        (lambda: random.categorical(np.ones(3), 2), r"\(m, classes\)"),
        (lambda: random.uniform((2,), seed=-1), "seed: expected"),
        (lambda: random.uniform((2,), seed=True), "seed: expected"),
        (lambda: SeedGenerator(1.5), "seed: expected"),  # type: ignore[arg-type]
        (lambda: record(Bernoulli(0, 0, (2,)), Placeholder((), "float32")), "one integer"),
    ],
)
def test_errors(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
