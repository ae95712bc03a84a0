"""The report: what its numbers say, how it is built, how it fails."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_reader import Page

import glassnet as gn
from glassnet.explain.report import report
from glassnet.explain.report.images import png
from glassnet.explain.report.plane import Line, Plane

SECTIONS = (
    "setup", "network", "curves", "evaluation", "examples", "inside", "doctor", "derivation",
    "reproduce",
)  # fmt: skip


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bars in one of three places of an image of 8 × 8, with noise."""
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 3, count)
    x = draw.uniform(0, 0.4, (count, 8, 8, 1)).astype(np.float32)
    for i, kind in enumerate(y):
        x[i, :, 1 + 2 * kind : 3 + 2 * kind] += 0.35
    return x, y


TRAIN, TEST = images(96, 0), images(60, 1)


def convolutional() -> Any:
    gn.utils.set_random_seed(5)
    model = gn.Sequential(
        [
            gn.Input((8, 8, 1)),
            gn.layers.Conv2D(4, 3, activation="relu"),
            gn.layers.MaxPooling2D(),
            gn.layers.Flatten(),
            gn.layers.Dense(3),
        ],
        name="bars",
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Page]:
    model = convolutional()
    history = model.fit(*TRAIN, batch_size=32, epochs=4, validation_data=TEST, verbose=0)
    path = tmp_path_factory.mktemp("bars") / "bars.html"
    names = ["left", "middle", "<right>"]
    report(model, (TRAIN, TEST), path, history=history, names=names, seed=5, seconds=1.5,
           title="Bars & <b>", command="glassnet train bars --report")  # fmt: skip
    return model, history, Page(path)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any, Page]:
    """A regression of two numbers on five features."""
    gn.utils.set_random_seed(1)
    x = np.random.default_rng(2).normal(size=(80, 5))
    y = np.stack([x[:, 0] - x[:, 1], 3 * x[:, 2]], axis=1)
    model = gn.Sequential([gn.Input((5,)), gn.layers.Dense(8, "tanh"), gn.layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y, epochs=3, verbose=0)
    path = tmp_path_factory.mktemp("numbers") / "numbers.html"
    report(model, (x, y), path, names=["a", "b"], theme="dark")
    return model, x, y, Page(path)


# --- numbers ----------------------------------------------------------------------------------
def test_measures_are_those_of_evaluate(bars: Any) -> None:
    model, history, page = bars
    expected = model.evaluate(*TEST, verbose=0, return_dict=True)
    table = page.table("Loss and metrics")
    for name in ("loss", "accuracy"):
        row = table.named(name)
        assert row["held-out examples"] == expected[name]
        assert row["training, mean over the last epoch"] == history.history[name][-1]
        assert page.keys[name] == expected[name]
    assert page.keys["parameters"] == 4 * 9 + 4 + 36 * 3 + 3


def test_confusion_and_classes_are_those_of_predict(bars: Any) -> None:
    model, _, page = bars
    said = model.predict(TEST[0], verbose=0).argmax(axis=1)
    counts = [[int(np.sum((TEST[1] == i) & (said == j))) for j in range(3)] for i in range(3)]
    table = page.table("Confusion matrix")
    assert table.header == ["true", "left", "middle", "<right>", "recall"]
    assert [[c.number for c in row[1:4]] for row in table.rows[1:]] == counts
    classes = page.table("The classes one by one")
    for i, name in enumerate(("left", "middle", "<right>")):
        row = classes.named(name)
        found, of_class = sum(counts[j][i] for j in range(3)), sum(counts[i])
        assert row["examples"] == of_class
        assert row["recall"] == counts[i][i] / of_class
        precision = counts[i][i] / found if found else np.nan
        assert row["precision"] == pytest.approx(precision, abs=0, rel=1e-15, nan_ok=True)
    right = sum(counts[i][i] for i in range(3))
    assert f"{right} of 60 are judged rightly" in page.text


def test_areas_are_shares_of_pairs(bars: Any) -> None:
    """AUC is the share of pairs in which the positive scores higher."""
    model, _, page = bars
    z = np.asarray(model.predict(TEST[0], verbose=0), np.float64)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    for i, name in enumerate(("left", "middle", "<right>")):
        yes, no = p[TEST[1] == i, i], p[TEST[1] != i, i]
        wins = (yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean()
        area = page.table("The classes one by one").named(name)["AUC"]
        assert area == pytest.approx(wins, abs=1e-6)


def test_worst_examples_have_the_largest_cross_entropy(bars: Any) -> None:
    model, _, page = bars
    z = np.asarray(model.predict(TEST[0], verbose=0), np.float64)
    losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(60), TEST[1]]
    worst = np.argsort(-losses)[:12]
    found = re.findall(r'#(\d+) · loss <data value="([^"]+)"', page.text)
    assert [int(i) for i, _ in found] == worst.tolist()
    np.testing.assert_allclose([float(v) for _, v in found], losses[worst], rtol=1e-4)


def test_curves_are_those_of_the_history(bars: Any) -> None:
    _, history, page = bars
    table = page.table("Every epoch")
    columns = {"loss": "loss", "loss, validation": "val_loss", "accuracy": "accuracy",
               "accuracy, validation": "val_accuracy"}  # fmt: skip
    assert table.header == ["epoch", *columns]
    for place, column in enumerate(columns, 1):
        told = [row[place].number for row in table.rows[1:]]
        assert told == history.history[columns[column]]


def test_long_runs_are_thinned_with_the_best_epoch_kept(tmp_path: Path) -> None:
    values = [1.0 / (1 + e) for e in range(1000)]
    values[777] = 1e-9
    model = convolutional()
    page = Page(report(model, TEST, tmp_path / "p.html", history={"loss": values},
                       sections=["curves"]))  # fmt: skip
    rows = page.table("100 of 1,000 epochs").rows[1:]
    assert rows[0][0].number == 1
    assert rows[-1][0].number == 1000
    assert (778, 1e-9) in [(row[0].number, row[1].number) for row in rows]


def test_regression_errors_by_their_formulas(numbers: Any) -> None:
    model, x, y, page = numbers
    r = y - model.predict(x, verbose=0)
    table = page.table("Errors")
    for i, name in enumerate("ab"):
        row = table.named(name)
        spread = np.sum((y[:, i] - np.mean(y[:, i])) ** 2)
        assert row["R²"] == pytest.approx(1 - np.sum(r[:, i] ** 2) / spread)
        assert row["mean |error|"] == pytest.approx(np.mean(np.abs(r[:, i])))
        assert row["root mean square"] == pytest.approx(np.mean(r[:, i] ** 2) ** 0.5)
        assert row["largest |error|"] == pytest.approx(np.max(np.abs(r[:, i])))
    assert page.text.count('class="curve one points"') == 4
    assert "Whether the network was trained on them is not known here" in page.text


def test_labels_are_counted_one_by_one(tmp_path: Path) -> None:
    gn.utils.set_random_seed(3)
    x = np.random.default_rng(4).normal(size=(50, 2))
    y = (x > [0.1, -0.3]).astype(np.float32)
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    page = Page(report(model, {"x": x, "y": y}, tmp_path / "p.html", names=["up", "down"],
                       sections=["evaluation", "inside"]))  # fmt: skip
    yes, so = model.predict(x, verbose=0) > 0.5, y == 1
    table = page.table("The labels")
    for j, name in enumerate(("up", "down")):
        row = table.named(name)
        assert row["rightly yes"] == np.sum(yes[:, j] & so[:, j])
        assert row["wrongly yes"] == np.sum(yes[:, j] & ~so[:, j])
        assert row["wrongly no"] == np.sum(~yes[:, j] & so[:, j])
        assert row["rightly no"] == np.sum(~yes[:, j] & ~so[:, j])
    assert not page.notes


def test_yes_or_no_has_roc_boundary_and_weights(tmp_path: Path) -> None:
    gn.utils.set_random_seed(3)
    x = np.random.default_rng(4).normal(size=(60, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.float32)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    page = Page(report(model, (x, y), tmp_path / "p.html", features=["height", "width"],
                       sections=["evaluation", "examples", "inside"]))  # fmt: skip
    p = model.predict(x, verbose=0).ravel()
    yes, no = p[y == 1], p[y == 0]
    area = float((yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean())
    labels = [given["aria-label"] or "" for given in page.all("svg")]
    roc = next(label for label in labels if label.startswith("ROC curve"))
    assert f"AUC {area:.4g}" in roc
    assert page.table("The examples with the largest loss").header[-2:] == ["height", "width"]
    wrong = int(np.sum((p > 0.5) != (y == 1)))
    alts = [given["alt"] or "" for given in page.all("img")]
    assert any(f"{wrong} of them on the wrong side" in alt for alt in alts)
    assert any("2 – 3 – 1" in alt for alt in alts)
    assert not page.notes
    assert len(page.all("source")) == len(page.all("img")) == 3  # each for dark screens too


# --- how the page is built --------------------------------------------------------------------
@pytest.mark.parametrize("which", ["bars", "numbers"])
def test_the_page_needs_nothing_and_reads_well(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)[-1]
    assert not page.notes
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    assert set(SECTIONS) <= set(ids)
    for tag, given in page.tags:
        assert tag not in ("script", "iframe", "object", "embed", "use")
        assert not any(name.startswith("on") for name in given), (tag, given)
        for name in ("src", "href", "srcset", "xlink:href", "action", "poster", "data"):
            address = given.get(name) or ""
            assert not address or address.startswith(("data:", "#")), address
            if address.startswith("#"):
                assert address[1:] in ids
    assert not re.search(r"url\(|@import", page.text)
    policy = next(g for g in page.all("meta") if g.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for given in page.all("img"):
        assert len(given["alt"] or "") > 15
        assert re.search(r"\d", given["alt"] or "")
        assert given["width"]
        assert given["height"]
    for given in page.all("svg"):
        assert given["role"] == "img"
        assert len(given["aria-label"] or "") > 10
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(words.strip() for _, words in page.headings)
    assert page.all("html")[0]["lang"] == "en"
    assert [t for t, _ in page.tags if t in ("header", "nav", "main", "footer")] == [
        "header", "nav", "main", "footer",
    ]  # fmt: skip
    assert all(b["href"] == "#content" for b in page.all("a") if b.get("class") == "skip")
    for table in page.tables:
        cells = [cell for row in table.rows for cell in row]
        assert all(c.scope in ("col", "row") for c in cells if c.tag == "th"), table.caption
        assert any(c.tag == "th" for c in cells)
    for name in ("p", "summary", "figcaption"):
        assert f"<{name}></{name}>" not in page.text


def test_texts_of_others_are_words(bars: Any) -> None:
    page = bars[-1]
    assert "<h1>Bars &amp; &lt;b&gt;</h1>" in page.text
    assert "<right>" not in page.text


def test_one_theme_alone(numbers: Any) -> None:
    page = numbers[-1]
    assert "color-scheme: dark;" in page.text
    assert "prefers-color-scheme" not in page.text
    assert not page.all("source")


def test_both_themes(bars: Any) -> None:
    page = bars[-1]
    assert "@media (prefers-color-scheme: dark)" in page.text
    assert all(g["media"] == "screen and (prefers-color-scheme: dark)" for g in page.all("source"))


def test_paper_cuts_nothing_off(bars: Any) -> None:
    """What scrolls on a screen is shown whole on paper, and the folded numbers are open."""
    style = re.search("<style>(.*?)</style>", bars[-1].text, re.DOTALL)
    assert style is not None
    assert not re.search(r",\s*[.{}@]?\s*\n\s*\.scroll svg", style[1])
    paper = style[1][style[1].rindex("@media print") :]
    assert ".scroll, pre, ul.equations { overflow: visible; }" in paper
    assert "details.data::details-content { display: block; content-visibility: visible" in paper
    assert style[1].count("{") == style[1].count("}")


def test_the_digits_network_stays_small(tmp_path: Path) -> None:
    from glassnet.cli.recipes import RECIPES

    recipe = RECIPES["mnist"]
    (x, y), (x_test, y_test) = recipe.load()
    model = recipe.compiled(x, 1, 32)
    data = ((x[:64], y[:64]), (x_test[:64], y_test[:64]))
    history = {"loss": [1.0, 0.5], "val_loss": [1.1, 0.6]}
    page = Page(report(model, data, tmp_path / "d.html", history=history, names=recipe.classes))
    assert page.size < 1_500_000
    assert not page.notes
    assert len([g for g in page.all("img") if "Example" in (g["alt"] or "")]) == 12


def test_it_can_be_reproduced(bars: Any, tmp_path: Path) -> None:
    """The program on the page, run as it stands, gives the same weights bit for bit."""
    model, _, page = bars
    told = page.listing("The program")
    assert "keras.utils.set_random_seed(5)" in told
    program = told.replace("epochs=4", "epochs=4, verbose=0").replace(
        "model.evaluate(x_test, y_test)", ""
    )
    names: dict[str, Any] = {
        "x_train": TRAIN[0],
        "y_train": TRAIN[1],
        "x_test": TEST[0],
        "y_test": TEST[1],
    }
    exec(program, names)
    for a, b in zip(names["model"].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    whole = b"".join(w.tobytes() for w in model.get_weights())
    assert hashlib.sha256(whole).hexdigest() in page.text
    assert page.listing("The command") == "glassnet train bars --report"


def test_the_file_of_the_model_is_told(tmp_path: Path) -> None:
    model = convolutional()
    file = tmp_path / "m.safetensors"
    model.save(file)
    page = Page(report(model, TEST, tmp_path / "p.html", weights_file=file,
                       sections=["reproduce"]))  # fmt: skip
    assert hashlib.sha256(file.read_bytes()).hexdigest() in page.text


def test_what_was_trained_on_is_not_held_out(bars: Any, tmp_path: Path) -> None:
    model, _, _ = bars
    same = {"train": TRAIN, "test": (TRAIN[0].copy(), TRAIN[1].copy())}
    page = Page(report(model, same, tmp_path / "p.html", sections=["evaluation", "doctor"]))
    assert page.keys["training examples"] == 96
    assert "held-out" not in page.text
    assert "how it does on others is not known" in page.text
    assert "leakage between training and validation data (serious)" not in page.text


def test_the_data_that_the_history_keeps(bars: Any, tmp_path: Path) -> None:
    model, history, _ = bars
    page = Page(report(model, None, tmp_path / "p.html", history=history, sections=["setup"]))
    assert page.keys["validation examples that the run kept"] == 60
    assert page.table("The data").pair("training examples").number == 96
    classes = page.table("Examples of each class")
    assert [r[1].number for r in classes.rows[1:]] == np.bincount(TRAIN[1]).tolist()


# --- what can't be made -----------------------------------------------------------------------
def test_sections_say_why_they_cannot_be_made(tmp_path: Path) -> None:
    a, b = gn.Input((2,)), gn.Input((3,))
    model = gn.Model([a, b], gn.layers.Dense(1)(gn.layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    x = [np.ones((6, 2)), np.ones((6, 3))]
    page = Page(report(model, (x, np.arange(6.0)), tmp_path / "p.html"))
    assert any("No history was passed" in text for text in page.notes)
    assert any("several inputs" in text for text in page.notes)
    r = np.arange(6.0) - model.predict(x, verbose=0).ravel()
    row = page.table("Errors").named("output")
    assert row["mean |error|"] == pytest.approx(np.abs(r).mean())


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    class Own(gn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = gn.layers.Dense(1)

        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return self.dense(inputs)

    model = Own()
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(12, 3))
    page = Page(report(model, (x, x.sum(axis=1)), tmp_path / "p.html"))
    assert page.table("Loss and metrics").named("loss")["given examples"] == model.evaluate(
        x, x.sum(axis=1), verbose=0
    )


def test_outputs_that_are_not_numbers(tmp_path: Path) -> None:
    model = convolutional()
    model.set_weights([w * np.nan for w in model.get_weights()])
    page = Page(report(model, TEST, tmp_path / "p.html"))
    assert np.isnan(page.table("Loss and metrics").named("loss")["given examples"] or 0)
    assert any("hold NaN for 60 of 60 examples" in text for text in page.notes)


def test_shares_are_a_regression(tmp_path: Path) -> None:
    """What an autoencoder gives back is no yes or no, though it ends in a sigmoid."""
    x = np.random.default_rng(0).uniform(size=(20, 6)).astype(np.float32)
    model = gn.Sequential([gn.Input((6,)), gn.layers.Dense(6, "sigmoid")])
    model.compile("sgd", "mse")
    page = Page(report(model, (x, x), tmp_path / "p.html", sections=["evaluation"]))
    assert len(page.table("Errors").rows) == 7
    assert not page.notes


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == "matplotlib":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = Page(report(convolutional(), TEST, tmp_path / "p.html", sections=["inside"]))
    assert any("Matplotlib" in text for text in page.notes)
    assert len(page.all("img")) > 2  # filters and maps need nothing


# --- arguments --------------------------------------------------------------------------------
def wrong_data() -> dict[str, tuple[Any, type[Exception], str]]:
    x, y = TEST
    return {
        "shape": ((x[:, :5], y), ValueError, "8"),
        "lengths": ((x, y[:-1]), ValueError, "59"),
        "targets": ((x, np.zeros((60, 5, 2))), ValueError, "shape"),
        "one array": (x, TypeError, "data=(x, y)"),
        "no y": ((x, None), ValueError, "no y"),
        "names": ({"inputs": x}, ValueError, "'inputs'"),
        "half": ({"x": x}, ValueError, "x without y"),
        "batches": ((iter([(x, y)]), None), ValueError, "no y"),
        "none": (None, ValueError, "data is missing"),
        "empty": ((x[:0], y[:0]), ValueError, "0 examples"),
    }


@pytest.mark.parametrize("case", wrong_data())
def test_wrong_data_is_one_clear_error(case: str, tmp_path: Path) -> None:
    data, kind, words = wrong_data()[case]
    with pytest.raises(kind, match=re.escape(words)):
        report(convolutional(), data, tmp_path / "p.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"path": "no/such/p.html"}, FileNotFoundError, "make it first"),
        ({"path": "p.pdf"}, ValueError, "p.pdf"),
        ({"sections": ["curve"]}, ValueError, "'curves'"),
        ({"sections": []}, ValueError, "empty"),
        ({"theme": "blue"}, ValueError, "theme"),
        ({"names": ["a", "b"]}, ValueError, "3 names"),
        ({"history": 3}, TypeError, "history"),
        ({"seed": -1}, ValueError, "seed"),
        ({"shape": (7, 7)}, ValueError, "shape"),
        ({"weights_file": "gone.safetensors"}, FileNotFoundError, "gone"),
    ],
)
def test_wrong_arguments(
    arguments: dict[str, Any], kind: type[Exception], words: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=words):
        report(convolutional(), TEST, **{"path": "p.html", **arguments})
    assert not list(tmp_path.iterdir())


def test_models_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="expected a model"):
        report("model", TEST, tmp_path / "p.html")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="compile"):
        report(gn.Sequential([gn.Input((2,))]), TEST, tmp_path / "p.html")


def test_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.html"
    path.write_text("the old page")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        report(convolutional(), TEST, path, sections=["network"])
    assert path.read_text() == "the old page"
    assert list(tmp_path.iterdir()) == [path]


def test_pairs_and_models_of_two_inputs(tmp_path: Path) -> None:
    """((a, b), y) is data of a model of two inputs; ((x, y), (x, y)) is training and held-out."""
    a, b = gn.Input((2,)), gn.Input((2,))
    model = gn.Model([a, b], gn.layers.Add()([gn.layers.Dense(1)(a), gn.layers.Dense(1)(b)]))
    model.compile("sgd", "mse")
    x = (np.ones((6, 2)), np.zeros((6, 2)))
    page = Page(report(model, (x, np.ones((6, 1))), tmp_path / "p.html", sections=["setup"]))
    assert page.keys["given examples"] == 6


# --- pictures of its own ----------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 3), (2, 7, 4)])
def test_png_is_read_back(shape: tuple[int, ...]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = np.asarray(image.open(io.BytesIO(png(pixels))))
    np.testing.assert_array_equal(found, pixels)


def test_curves_of_a_plane_stand_where_they_should() -> None:
    x, y = np.array([0.0, 0.25, 1.0]), np.array([0.0, 0.5, 0.75])
    svg = Plane("A", "x", "y", (0, 1), (0, 1), [Line("a", x, y)]).svg("words")
    drawn = re.search(r'data-name="a"><path d="M([^"]+)"', svg)
    assert drawn is not None
    places = np.array([list(map(float, p.split())) for p in drawn[1].split("L")])
    left, right, low = places[0, 0], places[-1, 0], places[0, 1]
    np.testing.assert_allclose((places[:, 0] - left) / (right - left), x, atol=1e-3)
    np.testing.assert_allclose((low - places[:, 1]) / (low - places[1, 1]) * 0.5, y, atol=1e-3)
