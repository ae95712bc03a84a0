"""Block diagrams: what the SVG says is what the network is, and nothing lies on anything else."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import drawn_models
import numpy as np
import pytest
from svg_reader import SVG, check_geometry, classes, read
from test_every_layer_in_text import CASES

import glassnet as gn
from glassnet import layers as L
from glassnet.layers import LAYERS
from glassnet.plots import diagram

CONNECTED = {
    name: getattr(drawn_models, name)
    for name in (
        "xor", "residual", "two_in_two_out", "siamese", "with_ops", "the_same_twice", "deep",
        "densely_connected",
    )
}  # fmt: skip


def checked(model, **how):
    found = read(diagram(model, **how).svg)
    check_geometry(found)
    return found


# --- blocks and wires -------------------------------------------------------------------------
@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("name", CONNECTED)
def test_wires_are_the_networks_connections(name, direction):
    model, pairs = CONNECTED[name]()
    found = checked(model, direction=direction)
    assert found.pairs() == sorted(pairs)
    assert {b.name for b in found.blocks.values() if b.call == 1 and b.kind != "op"} == {
        layer.name for layer in [*model.layers, *model._input_layers]
    }


@pytest.mark.parametrize("seed", range(25))
def test_any_network_is_drawn_without_collisions(seed):
    model, pairs = drawn_models.drawn_by_chance(seed)
    found = checked(model, direction="right" if seed % 3 == 2 else "down")
    assert [p for p in found.pairs() if not p[1].startswith("output")] == sorted(pairs)


@pytest.mark.parametrize("seed", range(12))
def test_wires_of_different_outputs_do_not_run_on_each_other(seed):
    model, _ = drawn_models.drawn_by_chance(100 + seed)
    wires = read(diagram(model).svg).wires
    for i, one in enumerate(wires):
        for other in wires[i + 1 :]:
            if (one.source, one.output) == (other.source, other.output):
                continue
            assert shared_length(one, other) < 6.5, (one, other)


def shared_length(one, other):
    """Over how many pixels two wires run on each other."""
    total = 0.0
    for (ax, ay), (bx, by) in pairwise(one.points):
        for (cx, cy), (dx, dy) in pairwise(other.points):
            for p, q, r, s, level in (
                (ax, bx, cx, dx, (ay, by, cy, dy)),
                (ay, by, cy, dy, (ax, bx, cx, dx)),
            ):
                if max(level) - min(level) < 1.0:
                    total += max(0.0, min(max(p, q), max(r, s)) - max(min(p, q), min(r, s)))
    return total


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("direction", ["down", "right"])
def test_models_in_the_model(opened, direction):
    model = drawn_models.autoencoder()
    found = checked(model, expand_nested=opened, direction=direction)
    expected = drawn_models.NESTED_OPENED if opened else drawn_models.NESTED_CLOSED
    assert found.pairs() == sorted(expected)
    assert set(found.frames) == ({"encoder", "decoder"} if opened else set())
    if not opened:
        assert found.blocks["encoder"].kind == "model"
        assert any("parameters" in line for line in found.blocks["encoder"].lines)


@pytest.mark.parametrize("direction", ["down", "right"])
def test_models_within_models_in_the_model(direction):
    found = checked(drawn_models.deeply_nested(), expand_nested=True, direction=direction)
    middle, inner = "middle", "middle/inner_model_with_a_long_name"
    assert set(found.frames) == {middle, inner}
    assert found.frames[middle].holds(found.frames[inner])
    assert "the same weights · call 2 of 2" in found.blocks["middle#2"].lines
    assert found.pairs() == sorted([
        ("z", middle), (middle, f"{middle}/x"), (f"{middle}/x", f"{middle}/y"),
        (f"{middle}/x", inner), (f"{middle}/y", inner), (f"{middle}/x", inner),
        (inner, f"{inner}/in_0"), (inner, f"{inner}/in_1"), (inner, f"{inner}/in_2"),
        (f"{inner}/in_0", f"{inner}/first"), (f"{inner}/first", f"{inner}/joined"),
        (f"{inner}/in_1", f"{inner}/joined"), (f"{inner}/in_2", f"{inner}/joined"),
        (f"{inner}/joined", inner), (f"{inner}/first", inner),
        (inner, f"{middle}/minus"), (inner, f"{middle}/minus"), (f"{middle}/minus", middle),
        (middle, "middle#2"), ("middle#2", "end"),
    ])  # fmt: skip


def test_a_layer_called_twice_has_its_weights_once():
    found = checked(drawn_models.siamese()[0])
    first, second = found.blocks["tower"], found.blocks["tower#2"]
    assert "28 parameters · call 1 of 2" in first.lines  # 6 · 4 + 4
    assert "the same weights · call 2 of 2" in second.lines
    assert [first.call, second.call] == [1, 2]


def test_several_outputs_of_a_layer_leave_it_at_several_places():
    found = checked(drawn_models.autoencoder())
    starts = {w.target: w.points[0] for w in found.wires if w.source == "encoder"}
    assert starts["decoder"] != starts["last"]


# --- what blocks say --------------------------------------------------------------------------
TRIALS = [(name, i) for name, cases in CASES.items() for i in range(len(cases))]


@pytest.mark.parametrize(("name", "number"), TRIALS)
def test_every_layer_says_the_shape_that_it_gives(name, number):
    case = CASES[name][number]
    layer = LAYERS.entries[name](**case.arguments, name="tried")
    if case.prepare is not None:
        case.prepare(layer)
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    if name == "InputLayer":
        inputs, out = [layer.output], layer.output
    else:
        inputs = [gn.Input(shape[1:], name=f"in_{i}") for i, shape in enumerate(shapes)]
        out = layer(inputs if isinstance(case.shape, list) else inputs[0])
    model = gn.Model(inputs, L.Flatten(name="after")(out))
    found = checked(model)
    rng = np.random.default_rng(1)
    x = [case.draw(rng, shape) for shape in shapes]
    given = gn.Model(inputs, out).predict(x if len(x) > 1 else x[0], verbose=0)
    sizes = ", ".join(map(str, given.shape[1:]))
    block = found.blocks["tried"]
    assert block.shape == (f"(m, {sizes})" if sizes else "(m,)")
    assert block.shape in block.lines
    assert block.lines[0] == ("Input" if name == "InputLayer" else name)
    count = sum(w.size for w in layer.get_weights())
    told = [line for line in block.lines if "parameter" in line]
    words = f"{count:,} parameter{'s' * (count > 1)}"
    assert told == ([words + ("" if layer.trainable_weights else ", frozen")] if count else [])


def test_blocks_say_what_is_computed():
    conv = L.Conv2D(8, (3, 2), strides=2, padding="same", activation="relu")
    model = gn.Sequential(
        [gn.Input((8, 8, 1)), conv, L.MaxPooling2D(3), L.Dropout(0.4), L.Activation("tanh")]
    )
    lines = [block.lines for block in checked(model).blocks.values()]
    assert "8 filters, 3 × 2, stride 2, same → relu" in lines[1]
    assert "3 × 3" in lines[2]
    assert "rate 0.4" in lines[3]
    assert "tanh" in lines[4]


def test_kinds_differ_by_their_marks_too():
    marks = {}
    for group in ET.fromstring(diagram(every_kind()).svg).iter(f"{SVG}g"):
        if "block" in classes(group):
            mark = next(g for g in group.iter(f"{SVG}g") if "mark" in classes(g))
            marks[classes(group)[1]] = [(e.tag, e.attrib.get("d")) for e in mark]
    assert set(marks) == {
        "input", "weights", "activation", "shape", "regularisation", "merge", "op", "model",
        "other",
    }  # fmt: skip
    assert len({str(mark) for mark in marks.values()}) == len(marks)


def every_kind():
    x = gn.Input((4,))
    y = L.ReLU()(L.Dense(4)(x))
    y = L.Add()([L.Dropout(0.1)(y), L.Identity()(x)]) * 2.0
    inner = gn.Sequential([gn.Input((4,)), L.Dense(2)])
    return gn.Model(x, L.Reshape((2, 1))(inner(y)))


def test_shapes_are_written_in_the_notation_that_is_set():
    model, _ = drawn_models.xor()
    assert checked(model, notation="course").blocks["hidden"].shape == "(3, m)"
    gn.config.set_notation("course")
    try:
        assert checked(model).blocks["hidden"].shape == "(3, m)"
    finally:
        gn.config.set_notation("keras")


def test_frozen_weights_are_told():
    model, _ = drawn_models.xor()
    model.get_layer("hidden").trainable = False
    assert "9 parameters, frozen" in checked(model).blocks["hidden"].lines


# --- names ------------------------------------------------------------------------------------
ODD = [
    'a<b>&"c"', "x" * 300, "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "层次结构" * 20,
    "ШЩЮ" * 30, "\x00\x07", "a\u0301" * 40, "🧠" * 30, " ", "]]>",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_any_name_is_written_and_fits(name):
    model = gn.Sequential([gn.Input((2,)), L.Dense(10**6, name=name)], name=name)
    svg = diagram(model).svg
    found = ET.fromstring(svg)
    blocks = [g for g in found.iter(f"{SVG}g") if "block" in classes(g)]
    told = [block.find(f"{SVG}title").text for block in blocks]
    assert any(name.replace("\x00", "\ufffd").replace("\x07", "\ufffd") in text for text in told)
    if name.isascii() and name.isprintable():
        check_geometry(read(svg))


# --- models that are not functional -----------------------------------------------------------
class Branching(gn.Model):
    def __init__(self):
        super().__init__(name="branching")
        self.a, self.b = L.Dense(4, name="a"), L.Dense(4, name="b")
        self.drop, self.out = L.Dropout(0.5, name="drop"), L.Dense(2, name="out")

    def call(self, x):
        h = self.a(x)
        return self.out(self.drop(h) + self.b(h))


def test_a_subclass_shows_its_calls_once_it_has_seen_data():
    model = Branching()
    before = checked(model)
    assert set(before.blocks) == {"a", "b", "drop", "out"}
    assert before.wires == []
    assert "Not built" in before.description
    model(np.zeros((3, 5)))
    after = checked(model)
    assert after.pairs() == sorted([
        ("input", "a"), ("a", "drop"), ("a", "b"), ("drop", "add"), ("b", "add"), ("add", "out"),
    ])  # fmt: skip
    assert after.blocks["a"].shape == "(m, 4)"


def test_an_unbuilt_stack_shows_its_layers():
    found = checked(gn.Sequential([L.Dense(3, name="a"), L.Dense(1, name="b")]))
    assert found.pairs() == [("a", "b")]
    assert "not built" in found.blocks["a"].lines
    assert any("Not built" in (t.text or "") for t in found.root.iter(f"{SVG}text"))


def test_a_model_without_layers_has_a_diagram():
    assert "No layers yet." in checked(gn.Sequential()).description


# --- the whole picture ------------------------------------------------------------------------
def test_it_is_told_to_those_who_do_not_see_it():
    found = checked(drawn_models.xor()[0])
    assert found.root.get("role") == "img"
    assert found.title == "Diagram of the model xor"
    assert "Sequential xor, 13 parameters, 3 blocks." in found.description
    assert (
        "3. out (Dense); 1 unit → sigmoid; output (m, 1); 4 parameters, from hidden."
        in found.description
    )


def test_two_diagrams_on_a_page_do_not_disturb_each_other():
    model, _ = drawn_models.residual()
    both = diagram(model).svg + diagram(model, theme="dark").svg
    assert ' id="' not in both  # nothing that would have to be unique
    for style in (s.split("</style>")[0] for s in both.split("<style>")[1:]):
        rules = [line for line in style.split("\n") if line.strip("\n}") and "@media" not in line]
        assert all(line.startswith(".glassnet-svg-") for line in rules)


def test_the_same_model_gives_the_same_picture():
    model, _ = drawn_models.residual()
    assert diagram(model).svg == diagram(model).svg


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["LIGHT", "DARK"])
def test_words_stand_out_from_every_ground(theme):
    """The contrast that WCAG 2.1 asks of text, 4.5 : 1, and of marks, 3 : 1."""
    from glassnet.explain.diagram import palette

    colours = getattr(palette, theme)
    for edge, ground in [*colours.kinds.values(), (colours.wire, colours.ground)]:
        for colour, least in ((colours.ink, 4.5), (colours.soft, 4.5), (edge, 3.0)):
            low, high = sorted([luminance(colour), luminance(ground)])
            assert (high + 0.05) / (low + 0.05) >= least, (colour, ground)


def test_themes():
    model, _ = drawn_models.xor()
    assert "@media" in diagram(model).svg
    assert "@media" not in diagram(model, theme="light").svg
    assert diagram(model, theme="light").svg != diagram(model, theme="dark").svg


def test_a_hundred_layers_stay_on_a_page():
    found = checked(drawn_models.deep(100)[0])
    assert found.page.width < 1500
    assert found.page.height < 2500
    assert len(found.blocks) == 101


# --- files ------------------------------------------------------------------------------------
def test_it_is_written_as_svg_and_as_a_page(tmp_path):
    model, _ = drawn_models.xor()
    picture = diagram(model, tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text(encoding="utf-8") == picture.svg
    assert picture.save(tmp_path / "net.html").read_text(encoding="utf-8").count("<svg") == 1
    assert picture._repr_svg_() == picture.svg
    with pytest.raises(ValueError, match=r"net\.svg"):
        diagram(model, tmp_path / "net.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.html", "net.svg"]


def test_what_it_refuses():
    model, _ = drawn_models.xor()
    with pytest.raises(TypeError, match="of a model"):
        diagram([1, 2])
    with pytest.raises(ValueError, match="direction"):
        diagram(model, direction="up")
    with pytest.raises(ValueError, match="theme"):
        diagram(model, theme="blue")
    with pytest.raises(ValueError, match="dpi"):
        diagram(model, dpi=0)


def test_dpi_scales_what_it_asks_for():
    model, _ = drawn_models.xor()
    once, twice = (ET.fromstring(diagram(model, dpi=d).svg) for d in (96, 192))
    assert float(twice.get("width")) == pytest.approx(2 * float(once.get("width")))
    assert once.get("viewBox") == twice.get("viewBox")


def test_keras_arguments(tmp_path):
    model, _ = drawn_models.xor()
    model.get_layer("out").trainable = False
    plain = read(gn.utils.plot_model(model, tmp_path / "m.svg").svg)
    assert plain.blocks["hidden"].lines == ["Dense", "3 units", "9 parameters"]
    full = gn.utils.plot_model(
        model, None, show_shapes=True, show_dtype=True, show_layer_names=True,
        show_layer_activations=True, show_trainable=True, rankdir="LR", splines="line",
    )  # fmt: skip
    found = read(full.svg)
    check_geometry(found)
    assert found.blocks["hidden"].lines == [
        "Dense", "hidden", "3 units → tanh", "(m, 3) float32", "9 parameters, trained",
    ]  # fmt: skip
    assert "4 parameters, frozen" in found.blocks["out"].lines
    first, second = found.blocks["hidden"].rect, found.blocks["out"].rect
    assert first.y == second.y
    assert first.x < second.x
    assert [p.name for p in tmp_path.iterdir()] == ["m.svg"]
    with pytest.raises(ValueError, match="rankdir"):
        gn.utils.plot_model(model, None, rankdir="BT")
