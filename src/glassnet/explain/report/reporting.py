"""`report`: a training run on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glassnet.checks import number, one_of, whole
from glassnet.explain.report.page import page
from glassnet.explain.report.reading import check_model, check_path, history_of, read_data
from glassnet.explain.report.registry import chosen_sections
from glassnet.explain.report.subject import Subject
from glassnet.models.model import Model
from glassnet.storage.writing import write_whole


def report(
    model: Model,
    data: Any = None,
    path: str | Path = "report.html",
    *,
    history: Any = None,
    title: str | None = None,
    theme: str | None = None,
    sections: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    shape: tuple[int, ...] | None = None,
    command: str | None = None,
    seed: int | None = None,
    seconds: float | None = None,
    weights_file: str | Path | None = None,
) -> Path:
    """Write a training run as one self-contained page.

    What was trained on what, the diagram, the learning curves, the evaluation with confusion,
    thresholds, calibration or residuals, the worst-judged examples, what it looks like inside,
    what the doctor says, the derivation, how to reproduce the run. The page loads nothing and
    needs no script; it follows the reader's light or dark screen, and prints. A section that can't
    be made says why in a sentence. Every number is that of ``evaluate`` and ``predict``.

    Args:
        model: a compiled model.
        data: ``((x_train, y_train), (x_test, y_test))``, of which the second are evaluated;
            ``(x, y)``; a dict with ``"train"`` and ``"test"``, each a pair; or None for the sample
            that the history keeps.
        path: the page, .html; written whole or not at all.
        history: what ``fit`` returned; by default that of the model's last ``fit``.
        title: the heading; the model's name for None.
        theme: ``"light"`` or ``"dark"``; as the reader's screen is for None.
        sections: some of ``"setup"``, ``"network"``, ``"curves"``, ``"evaluation"``,
            ``"examples"``, ``"inside"``, ``"doctor"``, ``"derivation"``, ``"reproduce"``.
        names: the names of the classes, of the labels, or of the numbers that are predicted.
        features: the names of the inputs' features.
        shape: (height, width) of images that come as rows.
        command: the command that made the run, told under how to reproduce it.
        seed: the seed of the run.
        seconds: how long training took.
        weights_file: the file that holds the trained model; its SHA-256 is told.

    Returns:
        The path.

    Raises:
        TypeError: where ``model`` is no model, or ``data`` has another form.
        ValueError: where the model is not compiled, the data don't fit it, or an argument is
            unknown.
        OSError: where the page can't be written there. All this is told before any long work.

    >>> import tempfile, numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)], name="line")
    >>> model.compile("sgd", "mse")
    >>> x = np.eye(2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = gn.explain.report(model, (x, x[:, :1]), f"{folder}/r.html", sections=["network"])
    ...     "<h1>line</h1>" in page.read_text(encoding="utf-8")
    True
    """
    check_model(model)
    target = check_path(path)
    chosen = chosen_sections(sections)
    if theme is not None:
        one_of(theme, ("light", "dark"), "report: theme")
    if seed is not None:
        whole(seed, "report: seed", least=0)
    if seconds is not None:
        number(seconds, "report: seconds", least=0)
    file = None if weights_file is None else Path(weights_file)
    if file is not None and not file.is_file():
        raise FileNotFoundError(f"report: there is no file weights_file={str(file)!r}.")
    found_history = history_of(model, history)
    data = read_data(model, data, found_history)
    _check_names(model, names)
    subject = Subject(
        model, data.held, data.held_name, data.train, data.train_size, found_history, names,
        features, shape, theme, command, seed, seconds, file,
    )  # fmt: skip
    _check_columns(subject)
    write_whole(target, [page(subject, chosen, title or model.name).encode()])
    return target


def _check_names(model: Model, names: Any) -> None:
    if names is None:
        return
    sizes = model.output_shape if model._network is not None else None
    width = sizes[-1] if isinstance(sizes, tuple) and isinstance(sizes[-1], int) else None
    fits = width is None or len(names) == width or (width == 1 and len(names) == 2)
    if isinstance(names, str) or not fits:
        raise ValueError(
            f"report: expected {'a list of' if width is None else width} names of classes or "
            f"outputs; got {names!r}."
        )


def _check_columns(subject: Subject) -> None:
    x = subject.only_input
    if x is None or x.ndim < 2:
        return
    size = int(x[0].size)
    if subject.features is not None and len(subject.features) != x.shape[-1]:
        raise ValueError(
            f"report: expected {x.shape[-1]} names of features; got {len(subject.features)}."
        )
    if subject.shape is not None:
        held = 1
        for side in subject.shape:
            held *= whole(side, "report: shape", least=1)
        if len(subject.shape) not in (2, 3) or held != size:
            raise ValueError(
                f"report: shape={subject.shape!r} is no (height, width) of {size} numbers."
            )
