"""What shows itself in a notebook: right where it can be, text where it can't, never an error."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import drawn_models
import numpy as np
import pytest
from svg_reader import SVG, check_geometry, read

import glassnet as gn
from glassnet import layers as L


def pictures(page):
    return [f"<svg{part.split('</svg>')[0]}</svg>" for part in page.split("<svg")[1:]]


def test_a_model_shows_diagram_parameters_and_shapes():
    model, pairs = drawn_models.xor()
    model.get_layer("hidden").trainable = False
    page = model._repr_html_()
    (svg,) = pictures(page)
    found = read(svg)
    check_geometry(found)
    assert found.pairs() == sorted(pairs)
    assert "13 parameters, 4 of them trained." in page  # 2 · 3 + 3 + 3 + 1; 3 + 1
    assert "<table" in page
    assert "(m, 3)" in page.split("<table")[1]


@pytest.mark.parametrize(
    "name", ["residual", "two_in_two_out", "siamese", "with_ops", "deep", "densely_connected"]
)
def test_any_model_shows_itself(name):
    page = getattr(drawn_models, name)()[0]._repr_html_()
    assert len(pictures(page)) == 1
    check_geometry(read(pictures(page)[0]))


class Raising(gn.Model):
    """A model whose call fails once it is built."""

    fails = False

    def __init__(self):
        super().__init__(name="raising")
        self.inner = L.Dense(2)

    def call(self, x):
        if self.fails:
            raise RuntimeError("no")
        return self.inner(x)


def test_an_odd_model_falls_back_to_text():
    model = Raising()
    model(np.zeros((2, 3)))
    model.fails = True
    assert model._repr_html_() == "<pre>&lt;Raising name=&#x27;raising&#x27;, built=True&gt;</pre>"


def test_models_without_weights_or_layers_show_themselves():
    assert "Not built" in gn.Sequential([L.Dense(2)])._repr_html_()
    assert "No layers yet" in gn.Sequential()._repr_html_()
    assert "$" in gn.Sequential([gn.Input((2,)), L.Dense(1)], name="cost $5`")._repr_html_()


def test_a_history_shows_its_curves():
    model, _ = drawn_models.xor()
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0)
    page = history._repr_html_()
    assert "History of 3 epochs" in page
    series = [g for g in ET.fromstring(pictures(page)[0]).iter(f"{SVG}g")
              if g.get("class") == "series"]  # fmt: skip
    assert len(series) == 1
    assert f"last {history.history['loss'][-1]:.4g}" in page


def test_odd_histories_show_themselves():
    history = gn.callbacks.History()
    assert "No epoch yet" in history._repr_html_()
    history.epoch, history.history = [0, 1], {"loss": [1.0, 0.5], "each": [[1, 2], [3, 4]]}
    page = history._repr_html_()
    assert "<code>each</code>" in page
    assert len(pictures(page)) == 1
    history.history = {"loss": ["a", "b"]}
    assert history._repr_html_().startswith("<pre>")


def test_tensors_and_derivations_show_themselves_alike():
    model, _ = drawn_models.xor()
    model.compile("sgd", "mse")
    pages = [model._repr_html_(), model.derive()._repr_html_(), gn.Variable([1.0])._repr_html_()]
    starts = {page.split("\n")[0] for page in pages}
    assert starts == {'<div class="glassnet-document">'}
    assert gn.Variable([1.0], name="a`b")._repr_html_().count("<code>a'b</code>") == 1


def test_drawing_a_diagram_needs_no_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None; import glassnet as gn;"
        "m = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)]);"
        "assert '<svg' in m._repr_html_(); assert gn.plots.diagram(m).svg"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_an_import_loads_no_reader():
    code = "import sys, glassnet; assert 'glassnet.explain' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
