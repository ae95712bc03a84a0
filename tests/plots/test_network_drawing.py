"""What the drawing of a network says is read back from its lines, rings and texts."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.plots.figures import THEMES

X = np.array([0.5, -1.0])


@pytest.fixture
def model() -> gn.Sequential:
    made = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(3, "tanh", name="hidden"),
            gn.layers.Dense(1, name="output"),
        ],
        name="net",
    )
    rng = np.random.default_rng(0)
    made.set_weights([rng.normal(size=w.shape) for w in made.weights])
    return made


def parts(ax, kind: str) -> dict[tuple[int, ...], object]:
    """The artists of a kind, by their place in the network."""
    found = {}
    for artist in (*ax.lines, *ax.patches, *ax.texts):
        name, *numbers = (artist.get_gid() or "none").split()
        if name == kind:
            found[tuple(map(int, numbers))] = artist
    return found


def is_dashed(artist) -> bool:
    return artist.get_linestyle() not in ("-", "solid")


def test_a_line_is_a_weight(model: gn.Sequential) -> None:
    ax = gn.plots.network(model)
    edges = parts(ax, "weight")
    w1, b1, w2, b2 = model.get_weights()
    largest = max(np.abs(w).max() for w in (w1, b1, w2, b2))
    assert len(edges) == 2 * 3 + 3 * 1
    for (column, i, j), line in edges.items():
        weight = (w1, w2)[column - 1][i, j]
        share = abs(weight) / largest
        assert line.get_linewidth() == pytest.approx(0.4 + 4.6 * share)
        assert is_dashed(line) == (weight < 0)
        red, _, blue = to_rgb(line.get_color())
        assert (red > blue) == (weight > 0)


def test_lines_join_the_nodes_they_belong_to(model: gn.Sequential) -> None:
    ax = gn.plots.network(model)
    nodes = [patch.center for patch in ax.patches if patch.get_gid() == "node"]
    columns = [[n for n in nodes if n[0] == x] for x in sorted({n[0] for n in nodes})]
    assert [len(column) for column in columns] == [2, 3, 1]
    for (column, i, j), line in parts(ax, "weight").items():
        (x0, x1), (y0, y1) = line.get_data()
        assert (x0, y0) == pytest.approx(columns[column - 1][i])
        assert (x1, y1) == pytest.approx(columns[column][j])
    assert [n[1] for n in columns[1]] == sorted((n[1] for n in columns[1]), reverse=True)


def test_a_ring_is_a_bias(model: gn.Sequential) -> None:
    _, b1, _, b2 = model.get_weights()
    rings = parts(gn.plots.network(model), "bias")
    largest = max(np.abs(w).max() for w in model.get_weights())
    assert len(rings) == 4
    for (column, i), ring in rings.items():
        bias = (b1, b2)[column - 1][i]
        assert ring.get_linewidth() == pytest.approx(0.4 + 4.6 * abs(bias) / largest)
        assert is_dashed(ring) == (bias < 0)


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_nodes_hold_the_activations_of_the_example(model: gn.Sequential) -> None:
    values = parts(gn.plots.network(model, x=X), "value")
    w1, b1, w2, b2 = model.get_weights()
    hidden = np.tanh(X @ w1 + b1)
    expected = [X, hidden, hidden @ w2 + b2]
    assert len(values) == 6
    for (column, i), text in values.items():
        assert number(text.get_text()) == pytest.approx(expected[column][i], abs=0.00501)


def test_numbers_are_written_where_there_are_few(model: gn.Sequential) -> None:
    def written(ax) -> list[float]:
        return sorted(number(t.get_text()) for t in ax.texts if t.get_rotation() or ("." in
                      t.get_text() and not t.get_text().startswith("b")))  # fmt: skip

    w1, _, w2, _ = model.get_weights()
    expected = sorted([*w1.ravel(), *w2.ravel()])
    np.testing.assert_allclose(written(gn.plots.network(model)), expected, atol=0.00501)
    assert written(gn.plots.network(model, numbers=False)) == []


def test_words_name_the_ends_and_the_layers(model: gn.Sequential) -> None:
    ax = gn.plots.network(model, inputs=["height", "weight"], outputs=["age"])
    said = [text.get_text() for text in ax.texts]
    for word in ("height", "weight", "age", "inputs", "hidden", "3 units, tanh", "1 unit"):
        assert word in said
    assert ax.get_title() == "net: 2 layers, 13 parameters"
    assert "x₁" in [text.get_text() for text in gn.plots.network(model).texts]


def test_of_large_layers_the_first_and_last_are_shown() -> None:
    model = gn.Sequential([gn.Input((100,)), gn.layers.Dense(7, name="few")])
    ax = gn.plots.network(model, most=6)
    said = [text.get_text() for text in ax.texts]
    assert "100, 6 shown" in said
    assert "7 units, 6 shown" in said
    assert said.count("⋮") == 2
    assert {i for _, i, _ in parts(ax, "weight")} == {0, 1, 2, 97, 98, 99}
    assert "x₁₀₀" in said


def test_it_draws_into_axes_and_tells_their_theme(model: gn.Sequential) -> None:
    figure = Figure()
    given = figure.add_subplot(facecolor=THEMES["dark"].background)
    assert gn.plots.network(model, ax=given) is given
    assert given.title.get_color() == THEMES["dark"].ink
    dark = gn.plots.network(model, theme="dark")
    assert dark.figure.get_facecolor()[:3] == pytest.approx(to_rgb(THEMES["dark"].background))


def test_mistakes_are_told(model: gn.Sequential) -> None:
    with pytest.raises(ValueError, match="inputs holds 1 names; the network has 2"):
        gn.plots.network(model, inputs=["one"])
    with pytest.raises(ValueError, match=r"plots.diagram\(model\)"):
        gn.plots.network(gn.Sequential([gn.Input((8, 8, 1)), gn.layers.Conv2D(1, 3)]))
    with pytest.raises(ValueError, match="at least 2"):
        gn.plots.network(model, most=1)


def test_weights_of_zero_are_drawn_thin() -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2)])
    model.set_weights([np.zeros((2, 2)), np.zeros(2)])
    for line in parts(gn.plots.network(model), "weight").values():
        assert line.get_linewidth() == pytest.approx(0.4)
