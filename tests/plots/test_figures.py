"""What all figures share: themes, axes, panels, names at the ends of curves."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from glassnet.plots import figures
from glassnet.plots.figures import THEMES


def luminance(colour: str) -> float:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: str, second: str) -> float:
    """The contrast of WCAG 2.1: (L1 + 0.05) / (L2 + 0.05)."""
    a, b = sorted((luminance(first), luminance(second)))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_theme_can_be_read(name: str) -> None:
    theme = THEMES[name]
    assert contrast(theme.ink, theme.background) > 12
    assert contrast(theme.muted, theme.background) > 4.5
    assert 1.1 < contrast(theme.faint, theme.background) < 2.5
    assert min(contrast(c, theme.background) for c in theme.colours) > (2 if name == "light" else 5)
    assert {theme.sequential, theme.diverging} <= set(matplotlib.colormaps)
    empty = matplotlib.colormaps[theme.sequential](0.0)
    middle = matplotlib.colormaps[theme.diverging](0.5)
    for colour in (empty, middle):
        assert abs(luminance(colour) - luminance(theme.background)) < 0.12


def told_apart(colour: str, kind: str) -> np.ndarray:
    """How dichromats see a colour. Source: F. Viénot, H. Brettel, J. Mollon, 1999."""
    matrix = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }[kind]
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    return np.asarray(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_the_first_colours_differ_for_colour_blind_eyes(name: str, kind: str) -> None:
    seen = [told_apart(c, kind) for c in THEMES[name].colours[:3]]
    for i in range(3):
        for j in range(i):
            assert np.abs(seen[i] - seen[j]).max() > 0.15


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_curves_differ_by_more_than_colour(theme: Any) -> None:
    looks = [theme.style(i) for i in range(28)]
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 28
    for i in range(4):
        for j in range(i):
            assert looks[i]["marker"] != looks[j]["marker"]
            assert looks[i]["linestyle"] != looks[j]["linestyle"]


def test_new_axes_belong_to_no_window() -> None:
    before = dict(matplotlib.rcParams)
    ax, theme = figures.axes(None, "dark", (3.0, 2.0))
    assert (theme.name, ax.figure.get_size_inches().tolist()) == ("dark", [3.0, 2.0])
    assert to_rgb(ax.figure.get_facecolor()) == to_rgb(theme.background)
    assert ax.figure.canvas.manager is None
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("face", "page", "name"),
    [
        ("white", "white", "light"), ("#eeeeee", "black", "light"), ("black", "white", "dark"),
        ("#222233", "white", "dark"), ("none", "black", "dark"), ("none", "white", "light"),
    ],
)  # fmt: skip
def test_the_theme_of_given_axes_is_seen(face: str, page: str, name: str) -> None:
    ax = Figure(facecolor=page).add_subplot(facecolor=face)
    found, theme = figures.axes(ax, "light")
    assert found is ax
    assert theme.name == name
    assert to_rgb(ax.title.get_color()) == to_rgb(THEMES[name].ink)


def test_panels_stand_inside_the_axes_handed_in() -> None:
    figure = Figure(figsize=(8, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    found, drawn, _ = figures.panels(right, "light", 2, 3, sharex=True, width_ratios=[1, 2, 1])
    assert found is figure
    assert drawn.shape == (2, 3)
    assert not right.axison
    figures.headline(figure, right, "inside", THEMES["light"])
    figure.canvas.draw()
    (inside,) = figure.subfigs
    title = inside._suptitle.get_window_extent()
    for panel in drawn.flat:
        assert panel.get_window_extent().x0 > left.get_window_extent().x1
        assert panel.get_window_extent().y1 < title.y0
    widths = [panel.get_position().width for panel in drawn[0]]
    assert widths[1] > 1.5 * widths[0]


def test_panels_inside_axes_without_a_grid() -> None:
    figure = Figure()
    ax = figure.add_axes((0.5, 0.5, 0.4, 0.4))
    _, drawn, _ = figures.panels(ax, "light", 2, 2, sharey="row")
    figure.canvas.draw()
    for panel in drawn.flat:
        box = panel.get_position()
        assert box.x0 >= 0.5 - 1e-9
        assert box.y1 <= 0.9 + 1e-9
    drawn[0, 0].set_ylim(3, 4)
    assert drawn[0, 1].get_ylim() == (3, 4)
    assert drawn[1, 1].get_ylim() == (0, 1)
    assert drawn[0, 0].get_position().y0 > drawn[1, 0].get_position().y0


def test_new_panels_and_their_title() -> None:
    figure, drawn, theme = figures.panels(None, "dark", 1, 2, size=(5, 2))
    figures.headline(figure, None, "both", theme)
    assert drawn.shape == (1, 2)
    assert figure.get_suptitle() == "both"


def test_strange_arguments() -> None:
    with pytest.raises(ValueError, match='theme=\'blue\': expected "light" or "dark"'):
        figures.axes(None, "blue")
    with pytest.raises(TypeError, match=r"ax: expected Matplotlib axes.*got Figure"):
        figures.axes(Figure())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="projection='3d'"):
        figures.axes(Figure().add_subplot(), projection="3d")


def test_three_dimensions() -> None:
    ax, _ = figures.axes(None, "dark", projection="3d")
    assert ax.name == "3d"
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.0, 20.0], [0.0, 20.0]),
        ([5.0, 5.0], [0.0, 10.0]),
        ([20.0, 0.0, 21.0], [15.5, 0.0, 25.5]),
        ([0.0, 1.0, 2.0], [-9.0, 1.0, 11.0]),
        ([0.0, 9.0, 12.0], [-3.0, 7.0, 17.0]),
        ([], []),
    ],
)
def test_names_that_would_touch_move_apart(places: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(figures.spread_apart(places, 10.0), expected)


@pytest.mark.parametrize("colour", ["white", "black", "#0072B2", "#F0E442", "#888888"])
def test_letters_on_a_colour_are_the_more_readable_ones(colour: str) -> None:
    chosen = figures.ink_on(colour)
    assert contrast(chosen, colour) >= 4.5
