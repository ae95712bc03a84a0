"""The derivation entry by entry: what is printed is computed, by a reader of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scalar_reader import Key, Sheet
from thorough import in_turn
from witness import engine, in_float64

import glassnet as gn
from glassnet import layers, losses
from glassnet.explain import convert_weights
from glassnet.explain.document import Formula, Heading, Paragraph
from glassnet.explain.render.parse import parse
from glassnet.explain.scalars import scalar_blocks

NOTATIONS = ("keras", "course", "torch")


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with in_float64():
        yield


def compiled(*parts: Any, loss: Any = "mse") -> Any:
    model = gn.Sequential(list(parts))
    model.compile("sgd", loss)
    return model


def dense(units: int, activation: Any = None, **options: Any) -> Any:
    return layers.Dense(units, activation, bias_initializer="normal", **options)


def equations(derivation: Any) -> list[str]:
    blocks = scalar_blocks(derivation)
    return [b.latex for b in blocks if isinstance(b, Formula)]


def entry(letter: str, index: tuple[int, ...], shape: tuple[int, ...], above: str) -> Key:
    """The key of an entry of something whose axes of length 1 are not told, as images have them."""
    told = [n + 1 for n, size in zip(index, shape, strict=True) if size > 1]
    return (letter, "".join(map(str, told)) or "1", above)


def data_keys(letter: str, array: np.ndarray) -> Iterator[tuple[Key, Any]]:
    for i, example in enumerate(array, 1):
        for at in np.ndindex(example.shape):
            if example.ndim < 2:
                key: Key = (letter, "".join(str(n + 1) for n in at), f"({i})")
            else:
                key = entry(letter, at, example.shape, f"({i})")
            yield key, float(example[at])


GREEK = {"gamma": r"\gamma", "beta": r"\beta"}


def weight_keys(name: str, array: np.ndarray) -> Iterator[tuple[Key, float]]:
    """The entries of a weight: a matrix has both indices, a bias one, a kernel the long axes."""
    letter, number = re.fullmatch(r"(\D+)(\d+)", name).groups()  # type: ignore[union-attr]
    letter = GREEK.get(letter, letter.lower())
    matrix = letter == "w" and array.ndim == 2
    for at in np.ndindex(array.shape):
        if matrix:
            yield (letter, f"{at[0] + 1}{at[1] + 1}", f"[{number}]"), float(array[at])
        else:
            yield entry(letter, at, array.shape, f"[{number}]"), float(array[at])


def arranged(model: Any, arrays: dict[str, np.ndarray], notation: str) -> dict[str, np.ndarray]:
    """Arrays of trained weights, by name, as they lie in a notation."""
    every = convert_weights(model, "keras")
    full = {name: arrays.get(name, np.zeros_like(every[name])) for name in every}
    found = convert_weights(full, notation, "keras", model=model)
    pairs = zip(found, full.values(), strict=True)  # kernels of images stay as they run
    kept = [inside if inside.ndim > 2 else turned for turned, inside in pairs]
    return {n: a for n, a in zip(every, kept, strict=True) if n in arrays}


def sheet_of(model: Any, x: np.ndarray, y: np.ndarray, notation: str) -> Sheet:
    """The printed equations with the numbers of a batch."""
    derivation = model.derive(x, y, notation=notation, level="scalar")
    given = dict([*data_keys("x", x), *data_keys("y", y)])
    for name, array in arranged(model, convert_weights(model, "keras"), notation).items():
        given |= dict(weight_keys(name, array))
    latex = equations(derivation)
    for name in [s.name for s in derivation if s.inside.drawn]:
        drawn = np.asarray(derivation[name])
        rows = drawn if notation != "course" else drawn.T
        given |= {("d", str(j + 1), f"[{name[1:]}]({i + 1})"): rows[i, j]
                  for i, j in np.ndindex(rows.shape)}  # fmt: skip
    return Sheet([t for t in latex if r"\sim" not in t], given, len(x))


# --- the text is the computation --------------------------------------------------------------
def regression() -> Any:
    return compiled(gn.Input((2,)), dense(3, "tanh"), dense(1)), (2,), "real"


def xor() -> Any:
    model = compiled(
        gn.Input((2,)), dense(3, "tanh"), dense(1, "sigmoid"), loss="binary_crossentropy"
    )
    return model, (2,), "bits"


def classes() -> Any:
    model = compiled(
        gn.Input((2,)), dense(2, "relu"), dense(2, "softmax"), loss="categorical_crossentropy"
    )
    return model, (2,), "rows"


def logits() -> Any:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    return compiled(gn.Input((2,)), dense(3, "tanh"), dense(3), loss=loss), (2,), "numbers"


def penalized() -> Any:
    model = compiled(
        gn.Input((3,)),
        dense(2, "sigmoid", kernel_regularizer="l2", bias_regularizer=gn.regularizers.L2(0.3)),
        dense(1, "sigmoid", kernel_regularizer="l2"),
        loss="binary_crossentropy",
    )
    return model, (3,), "bits"


def widely_penalized() -> Any:
    """More than six weights: the penalty is a sum over letters."""
    model = compiled(gn.Input((8,)), dense(2, "tanh", kernel_regularizer="l2"), dense(1))
    return model, (8,), "real"


def dropped() -> Any:
    return compiled(gn.Input((2,)), dense(3, "tanh"), layers.Dropout(0.5), dense(1)), (2,), "real"


def convolved() -> Any:
    model = compiled(
        gn.Input((4, 4, 1)),
        layers.Conv2D(1, 2, activation="relu", bias_initializer="normal"),
        layers.MaxPooling2D(2, 1),
        layers.Flatten(),
        dense(1),
    )
    return model, (4, 4, 1), "real"


def padded() -> Any:
    """Padding, a stride, two channels, the mean of windows."""
    model = compiled(
        gn.Input((4, 4, 1)),
        layers.Conv2D(2, 3, strides=2, padding="same", activation="tanh"),
        layers.AveragePooling2D(2, 1),
        layers.Flatten(),
        dense(2),
    )
    return model, (4, 4, 1), "pairs"


def convolved_twice() -> Any:
    model = compiled(
        gn.Input((4, 4, 1)),
        layers.Conv2D(2, 2, activation="tanh"),
        layers.Conv2D(1, 2, padding="same"),
        layers.MaxPooling2D(2, padding="same"),
        layers.Flatten(),
        dense(1),
    )
    return model, (4, 4, 1), "real"


def normalized() -> Any:
    """The examples meet: derivatives by values of one example are no longer of its own loss."""
    model = compiled(gn.Input((2,)), dense(2, "tanh"), layers.BatchNormalization(), dense(1))
    return model, (2,), "real"


NETWORKS = (
    regression, xor, classes, logits, penalized, widely_penalized, dropped, convolved, padded,
    convolved_twice, normalized,
)  # fmt: skip


def batch(shape: tuple[int, ...], kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(4, *shape))
    y = {
        "real": lambda: rng.normal(size=(4, 1)),
        "pairs": lambda: rng.normal(size=(4, 2)),
        "bits": lambda: rng.integers(0, 2, (4, 1)).astype("float64"),
        "rows": lambda: np.eye(2)[rng.integers(0, 2, 4)],
        "numbers": lambda: rng.integers(0, 3, 4),
    }[kind]()
    return x, y


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_printed_equations_are_the_computation(
    network: Callable[[], Any], notation: str
) -> None:
    gn.utils.set_random_seed(3)
    model, shape, kind = network()
    x, y = batch(shape, kind)
    expected = engine(model, x, y)
    sheet = sheet_of(model, x, y, notation)
    assert np.real(sheet.value(("J", "", ""))) == pytest.approx(expected.cost, rel=1e-10)
    compared = set()
    for name, slope in arranged(model, expected.slopes, notation).items():
        for key, number in weight_keys(name, slope):
            of = ("partial", ("J", "", ""), key)
            assert np.real(sheet.value(of)) == pytest.approx(number, rel=1e-10, abs=1e-12), key
            compared.add(of)
    every = arranged(model, convert_weights(model, "keras"), notation)
    weights = {key for name, array in every.items() for key, _ in weight_keys(name, array)}
    by_weights = {k for k in sheet.formulas if k[0] == "partial" and k[2] in weights}
    assert by_weights == compared  # every weight has one equation; Sheet refuses a second


@pytest.mark.parametrize(
    ("network", "notation"), in_turn([n for n in NETWORKS if n is not normalized], NOTATIONS)
)
def test_the_chain_rule_in_front_comes_to_the_same(
    network: Callable[[], Any], notation: str
) -> None:
    gn.utils.set_random_seed(3)
    model, shape, kind = network()
    sheet = sheet_of(model, *batch(shape, kind), notation)
    seen = 0
    for key in sheet.formulas:
        one = tuple(
            tuple(p.replace("(i)", "(2)") for p in part) if isinstance(part, tuple) else part
            for part in key
        )
        for number in sheet.chain(one):
            assert number == pytest.approx(np.real(sheet.value(one)), rel=1e-9, abs=1e-12), key
            seen += 1
    by_weights = [k for k in sheet.formulas if k[0] == "partial" and "(i)" not in k[2][2]]
    assert all(sheet.chains[k] for k in by_weights)
    assert seen > len(by_weights)


# --- by hand ----------------------------------------------------------------------------------
def smallest() -> Any:
    return compiled(gn.Input((1,)), layers.Dense(1, "tanh"), layers.Dense(1))


FORWARD = [
    r"z_{1}^{[1](i)} = x_{1}^{(i)} w_{11}^{[1]} + b_{1}^{[1]}",
    r"a_{1}^{[1](i)} = \tanh(z_{1}^{[1](i)})",
    r"z_{1}^{[2](i)} = a_{1}^{[1](i)} w_{11}^{[2]} + b_{1}^{[2]}",
    r"\mathcal{L}^{(i)} = \left(y_{1}^{(i)} - z_{1}^{[2](i)}\right)^{2}",
    r"J = \frac{1}{m} \sum_{i=1}^{m} \mathcal{L}^{(i)}",
]


def partial(above: str, below: str) -> str:
    return rf"\frac{{\partial {above}}}{{\partial {below}}}"


def test_the_smallest_network_by_hand() -> None:
    z1, a1, z2 = "z_{1}^{[1](i)}", "a_{1}^{[1](i)}", "z_{1}^{[2](i)}"
    w2, b2, w1, b1 = "w_{11}^{[2]}", "b_{1}^{[2]}", "w_{11}^{[1]}", "b_{1}^{[1]}"
    loss, over = r"\mathcal{L}^{(i)}", r"\sum_{i=1}^{m}"
    dz2, da1, dz1 = partial("J", z2), partial("J", a1), partial("J", z1)
    expected = [
        *FORWARD,
        rf"{partial('J', loss)} = \frac{{1}}{{m}}",
        rf"{dz2} = {partial('J', loss)} {partial(loss, z2)} = "
        rf"\frac{{2}}{{m}} \left({z2} - y_{{1}}^{{(i)}}\right)",
        rf"{partial('J', b2)} = {over} {dz2} {partial(z2, b2)} = {over} {dz2}",
        rf"{partial('J', w2)} = {over} {dz2} {partial(z2, w2)} = {over} {dz2} {a1}",
        rf"{da1} = {dz2} {partial(z2, a1)} = {dz2} {w2}",
        rf"{dz1} = {da1} {partial(a1, z1)} = {da1} \left(1 - \left({a1}\right)^{{2}}\right)",
        rf"{partial('J', b1)} = {over} {dz1} {partial(z1, b1)} = {over} {dz1}",
        rf"{partial('J', w1)} = {over} {dz1} {partial(z1, w1)} = {over} {dz1} x_{{1}}^{{(i)}}",
    ]
    assert equations(smallest().derive(level="scalar")) == expected


def test_the_course_takes_derivatives_of_each_examples_own_loss() -> None:
    found = equations(smallest().derive(level="scalar", notation="course"))
    z2, w2 = "z_{1}^{[2](i)}", "w_{11}^{[2]}"
    dz2 = partial(r"\mathcal{L}^{(i)}", z2)
    assert rf"{dz2} = 2 \left({z2} - y_{{1}}^{{(i)}}\right)" in found
    mean = r"\frac{1}{m} \sum_{i=1}^{m}"
    assert (
        rf"{partial('J', w2)} = {mean} {dz2} {partial(z2, w2)} = {mean} {dz2} a_{{1}}^{{[1](i)}}"
    ) in found


def test_the_loss_is_written_with_the_probabilities() -> None:
    """Cross-entropy as the definition has it, and the chain rule by way of the probabilities."""
    model, *_ = classes()
    found = equations(model.derive(level="scalar", notation="course"))
    a, z, y = "a_{%d}^{[2](i)}", "z_{%d}^{[2](i)}", "y_{%d}^{(i)}"
    below = rf"\exp({z % 1}) + \exp({z % 2})"
    assert rf"{a % 2} = \frac{{\exp({z % 2})}}{{{below}}}" in found
    loss = r"\mathcal{L}^{(i)}"
    assert (
        rf"{loss} = -\left({y % 1} \log({a % 1}) + {y % 2} \log({a % 2})\right)"
    ) in found  # fmt: skip
    chain = " + ".join(f"{partial(loss, a % k)} {partial(a % k, z % 1)}" for k in (1, 2))
    assert rf"{partial(loss, z % 1)} = {chain} = {a % 1} - {y % 1}" in found


def test_long_sums_have_a_running_letter() -> None:
    model, *_ = widely_penalized()
    found = equations(model.derive(level="scalar"))
    assert found[0] == r"z_{1}^{[1](i)} = \sum_{k=1}^{8} x_{k}^{(i)} w_{k1}^{[1]} + b_{1}^{[1]}"
    cost = next(t for t in found if t.startswith("J = "))
    assert cost.endswith(
        r"+ 0.01 \sum_{j=1}^{8} \sum_{k=1}^{2} \left(w_{jk}^{[1]}\right)^{2}"
    )  # fmt: skip


def test_a_letter_for_examples_counts_once() -> None:
    """A sum over examples within an equation of example i runs over another letter."""
    model = compiled(gn.Input((1,)), layers.Dense(1), layers.Lambda(lambda x: x * ops_mean(x)))
    others = 0
    for latex in equations(model.derive(level="scalar")):
        left, rest = latex.split(" = ", 1)
        assert "(i)" not in left or r"\sum_{i=1}" not in rest
        others += r"\sum_{r=1}^{m}" in rest
    assert others


def ops_mean(x: Any) -> Any:
    return gn.ops.mean(x, axis=0, keepdims=True)


def test_an_embedding_picks_by_its_number() -> None:
    model = compiled(gn.Input((2,), dtype="int64"), layers.Embedding(3, 2), layers.Flatten(),
                     layers.Dense(1))  # fmt: skip
    found = equations(model.derive(level="scalar"))
    picked = " + ".join(
        rf"\left[ x_{{2}}^{{(i)}} = {n} \right] E_{{{n + 1}1}}^{{[1]}}" for n in range(3)
    )
    assert any(t.endswith(" = " + picked) for t in found)


# --- the page ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("network", "notation"), in_turn(NETWORKS, NOTATIONS))
def test_the_page_keeps_to_the_grammar(network: Callable[[], Any], notation: str) -> None:
    model, *_ = network()
    derivation = model.derive(level="scalar", notation=notation)
    for latex in equations(derivation):
        parse(latex)
    assert "Entry by entry" in derivation.text()


def test_layers_stand_in_order() -> None:
    model, *_ = xor()
    blocks = scalar_blocks(model.derive(level="scalar"))
    headings = [b.text for b in blocks if isinstance(b, Heading)]
    assert headings == [
        "Entry by entry", "Layer 1, forward", "Layer 2, forward", "Loss of an example, and cost",
        "The loss, backward", "Layer 2, backward", "Layer 1, backward",
    ]  # fmt: skip
    assert isinstance(blocks[-1], Paragraph)
    assert "gather" in blocks[-1].text


def test_a_batch_puts_numbers_beside_the_weights() -> None:
    model, shape, kind = regression()
    x, y = batch(shape, kind)
    blocks = scalar_blocks(model.derive(x, y, level="scalar"))
    slopes = engine(model, x, y).slopes
    shown = {b.latex.split(" = ")[0]: b.numbers for b in blocks if isinstance(b, Formula)}
    numbers = shown[partial("J", "w_{23}^{[1]}")]
    assert float(numbers[0].split()[-1]) == pytest.approx(slopes["W1"][1, 2], rel=1e-4)
    assert shown["z_{1}^{[1](i)}"] == ()


def test_a_large_network_is_refused() -> None:
    model = compiled(gn.Input((64,)), dense(25, "sigmoid"), dense(10), loss="mse")
    # forward 25 + 25 + 10 + 1 + 1; backward 1 + 10 + 10 + 250 + 25 + 25 + 25 + 1600
    with pytest.raises(ValueError, match=r"2008 of them.*300 are the most") as error:
        model.derive(level="scalar")
    assert 'derive(level="matrix")' in str(error.value)
    assert 'derive().why("W1", index=(0, 0))' in str(error.value)
