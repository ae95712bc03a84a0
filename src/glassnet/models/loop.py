"""The loops of fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks import Callback, CallbackList, History
from glassnet.callbacks.messages import say
from glassnet.callbacks.progress import ProgbarLogger
from glassnet.checks import whole
from glassnet.config import next_seed
from glassnet.graph.recording import apart
from glassnet.models import steps as recorded
from glassnet.models.data import (
    ArraySource,
    Batch,
    NumberedSource,
    check_numbers,
    source_of,
    split_validation,
)
from glassnet.models.guard import NonFiniteStep
from glassnet.models.native import NativeEpochs, evaluated, native_epochs
from glassnet.models.quick import prepare
from glassnet.models.records import collect, record_of
from glassnet.models.running import AnySource, Feed, LazyLogs, Progress, Runner, results
from glassnet.nest import flatten, pack_like

if TYPE_CHECKING:
    from glassnet.models.model import Model


# --- fit --------------------------------------------------------------------------------------
@apart
def fit(
    model: Model,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: str | int,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: Mapping[int, float] | None,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: int | Sequence[int],
) -> History:
    """Train; see `Model.fit`."""
    _need_compiled(model, "fit")
    whole(epochs, "epochs", least=0)
    whole(initial_epoch, "initial_epoch", least=0)
    _check_steps(steps_per_epoch, "steps_per_epoch")
    _check_steps(validation_steps, "validation_steps")
    if validation_batch_size is not None:
        whole(validation_batch_size, "validation_batch_size", least=1)
    _check_frequency(validation_freq)
    progress = model.progress
    if progress.seed is None:
        progress.seed = next_seed()
    if validation_split and validation_data is None:
        kept, held = split_validation(Batch(x, y, sample_weight), validation_split)
        (x, y, sample_weight), validation_data = kept, tuple(held)
    source = source_of(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=progress.seed,
        class_weight=class_weight,
    )
    _check_arrays(model, source)
    validation = None
    if validation_data is not None:
        validation = _validation_source(validation_data, validation_batch_size or batch_size)
        _check_arrays(model, validation, " of validation_data")
    progress.epoch, progress.batch, progress.in_pass = initial_epoch, 0, 0
    history = History()
    planned = steps_per_epoch or source.steps
    hooks = _callbacks(model, callbacks, history, verbose, {"epochs": epochs, "steps": planned})
    model.stop_training = False
    model.history = history
    _record_first(model, source)
    history.record = record_of(model, source, validation)
    feed = Feed(source, steps_per_epoch, progress)
    hooks.call("on_train_begin", {})
    if isinstance(source, (ArraySource, NumberedSource)):
        source.seed = progress.seed  # another one, where a backup was taken up
    logs: dict[str, Any] = {}
    compiled = native_epochs(model, source, feed, hooks, epochs)
    alone = validation is None
    try:
        for epoch in range(progress.epoch, epochs):
            if model.stop_training and progress.batch == 0 and not _has_more(compiled):
                break  # the backup was of a run that ended
            progress.epoch = epoch
            logs = _train_epoch(model, feed, hooks, compiled, epochs if alone else epoch + 1)
            if validation is not None and logs and _due(validation_freq, epoch):
                logs.update(_validate(model, validation, validation_steps, hooks))
            progress.epoch, progress.batch = epoch + 1, 0
            if not logs:  # the generator had ended before the epoch began
                break
            logs = dict(sorted(logs.items()))
            hooks.call("on_epoch_end", epoch, logs)
            if compiled is not None:
                compiled.told()
            if model.stop_training and not _has_more(compiled):
                break
    except BaseException as error:
        if compiled is not None:
            _tell_rest(compiled, progress, hooks)
        hooks.call("on_train_abort", error)
        raise
    finally:
        if compiled is not None:
            compiled.close()
    if epochs > initial_epoch:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    hooks.call("on_train_end", logs)
    return history


def _validate(
    model: Model, source: AnySource, limit: int | None, hooks: CallbackList
) -> dict[str, Any]:
    """Return the validation's results; explain a loss that is not finite."""
    try:
        found = _evaluate(model, source, limit, hooks, checks_losses=True)
    except NonFiniteStep as stopped:
        explained = stopped.explained(model.progress.epoch, validating=True)
        if not hooks.stops_on_nonfinite:
            raise explained from None
        say(str(explained))
        model.stop_training = True
        found = results(model)
    return {f"val_{name}": value for name, value in found.items()}


def _record_first(model: Model, source: AnySource) -> None:
    """Record the first step, so that all variables are there before the first callback."""
    if model.optimizer.built and model.metrics:
        return
    batch = source.first()
    if batch is not None:
        model.training_step(batch)


def _tell_rest(compiled: NativeEpochs, progress: Progress, hooks: CallbackList) -> None:
    """Tell the epochs that were trained before an error: weights and history agree."""
    for logs in compiled.drain():
        for callback in hooks.wanting("on_epoch_end"):
            with suppress(Exception):  # the error that is on its way comes first
                callback.on_epoch_end(progress.epoch, dict(sorted(logs.items())))
        progress.epoch += 1


def _has_more(compiled: NativeEpochs | None) -> bool:
    """Whether epochs are trained that have to be told, whatever asks for a stop."""
    return compiled is not None and compiled.has_more


def _train_epoch(
    model: Model, feed: Feed, hooks: CallbackList, compiled: NativeEpochs | None, last: int
) -> dict[str, Any]:
    """Run one epoch, or what a resumed run left of it; return the logs."""
    progress = model.progress
    fresh = progress.batch == progress.in_pass == 0
    hooks.call("on_epoch_begin", progress.epoch, {})
    if compiled is not None and (compiled.has_more or (fresh and not model.stop_training)):
        logs = compiled.results(progress.epoch, last, hooks)
        if logs is not None:
            return logs
    if progress.batch == 0:  # after the callbacks, which may have evaluated the model
        model.reset_metrics()
    return _train_batches(model, feed, hooks)


def _train_batches(model: Model, feed: Feed, hooks: CallbackList) -> dict[str, Any]:
    """Run the batches of an epoch that are still to come, one by one; return the logs."""
    progress, runner = model.progress, Runner(model, "train")
    whole = feed.source.data if isinstance(feed.source, ArraySource) else None
    wants_logs = bool(hooks.wanting("on_train_batch_end"))
    record = model.history.record
    collects = whole is None and record is not None and progress.epoch == 0
    for batch in () if model.stop_training else feed.epoch():
        hooks.call("on_train_batch_begin", progress.batch, {})
        try:
            runner.run(batch, whole)
        except NonFiniteStep as stopped:
            explained = stopped.explained(progress.epoch)
            if not hooks.stops_on_nonfinite:
                raise explained from None
            say(str(explained))
            model.stop_training = True
            break
        progress.batch += 1
        if collects:
            collects = collect(record, batch)
        if wants_logs:
            lazy = LazyLogs(model)
            hooks.call("on_train_batch_end", progress.batch - 1, lazy)
        if model.stop_training:
            break
    return results(model) if progress.batch else {}


def _check_arrays(model: Model, source: AnySource, where: str = "") -> None:
    """Raise before the first step where arrays do not fit or hold NaN."""
    if isinstance(source, ArraySource):
        model.check_data(source.data.x)
        if model.check_finite:
            check_numbers(source.data, where)


def _check_steps(steps: Any, what: str) -> None:
    if steps is not None:
        whole(steps, what, least=1)


def _check_frequency(frequency: Any) -> None:
    what = "validation_freq"
    if isinstance(frequency, str) or not isinstance(frequency, Iterable):
        whole(frequency, what, least=1)
        return
    for epoch in frequency:
        whole(epoch, f"{what}, an epoch,", least=1)


def _due(frequency: int | Sequence[int], epoch: int) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _validation_source(data: Any, batch_size: int | None) -> AnySource:
    if isinstance(data, (tuple, list)):
        if not 1 <= len(data) <= 3:
            raise ValueError(
                "validation_data is (x, y) or (x, y, sample_weight), or an iterable of batches; "
                f"got a {type(data).__name__} of {len(data)}."
            )
        return source_of(*data, batch_size=batch_size)
    return source_of(data)


# --- evaluate, predict ------------------------------------------------------------------------
@apart
def evaluate(
    model: Model,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    verbose: str | int,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    return_dict: bool,
) -> Any:
    """Evaluate; see `Model.evaluate`."""
    _need_compiled(model, "evaluate")
    _check_steps(steps, "steps")
    source = source_of(x, y, sample_weight, batch_size=batch_size)
    _check_arrays(model, source)
    hooks = _callbacks(model, callbacks, None, verbose, {"steps": steps or source.steps})
    logs = _evaluate(model, source, steps, hooks)
    return logs if return_dict else _as_list(model, logs)


def _evaluate(
    model: Model,
    source: AnySource,
    limit: int | None,
    hooks: CallbackList,
    *,
    checks_losses: bool = False,
) -> dict[str, Any]:
    hooks.call("on_test_begin", {})
    checks = checks_losses and model.check_finite
    logs = None if limit is not None else evaluated(model, source, hooks, checks)
    if logs is None:
        logs = _evaluate_batches(model, source, limit, hooks, checks_losses)
    hooks.call("on_test_end", logs)
    if not logs:
        raise ValueError("The data gave no batch to evaluate.")
    return logs


def _evaluate_batches(
    model: Model, source: AnySource, limit: int | None, hooks: CallbackList, checks_losses: bool
) -> dict[str, Any]:
    """Evaluate batch by batch; return the logs."""
    model.reset_metrics()
    runner = Runner(model, "test", checks_losses=checks_losses)
    whole = source.data if isinstance(source, ArraySource) else None
    for i, batch in enumerate(source.batches(0)):
        if limit is not None and i >= limit:
            break
        hooks.call("on_test_batch_begin", i, {})
        runner.run(batch, whole)
        hooks.call("on_test_batch_end", i, LazyLogs(model))
    return results(model)


@apart
def predict(
    model: Model,
    x: Any,
    *,
    batch_size: int | None,
    verbose: str | int,
    steps: int | None,
    callbacks: Any,
) -> Any:
    """Predict; see `Model.predict`."""
    _check_steps(steps, "steps")
    source = source_of(x, batch_size=batch_size)
    if isinstance(source, ArraySource):
        model.check_data(source.data.x)
    params = {"steps": steps or source.steps}
    hooks = _callbacks(model, callbacks, None, verbose, params)
    hooks.call("on_predict_begin", {})
    collected: list[list[np.ndarray]] = []
    structure: Any = None
    for i, batch in enumerate(source.batches(0)):
        if steps is not None and i >= steps:
            break
        hooks.call("on_predict_batch_begin", i, {})
        leaves, structure = _predict_batch(model, batch)
        collected.append(leaves)
        hooks.call("on_predict_batch_end", i, {"outputs": leaves})
    if not collected:
        raise ValueError("The data gave no batch to predict.")
    hooks.call("on_predict_end", {})
    joined = [
        np.concatenate(parts) if len(parts) > 1 else np.array(parts[0])
        for parts in zip(*collected, strict=True)
    ]
    return pack_like(structure, joined)


def _predict_batch(model: Model, batch: Batch) -> tuple[list[np.ndarray], Any]:
    batch = Batch(batch.x)
    found: Any = model.step_for("predict", batch, recorded.predict_step, recorded.signature(batch))
    step, structure = found
    leaves = [np.asarray(v) for v in step.run(batch, 0, engine=model.engine)]
    prepare(model, batch, step, structure)
    return leaves, structure


@apart
def train_on_batch(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    return_dict: bool,
) -> Any:
    """Train on one batch; see `Model.train_on_batch`."""
    _need_compiled(model, "train_on_batch")
    batch = _one_batch(model, x, y, sample_weight, class_weight)
    model.reset_metrics()
    try:
        Runner(model, "train").run(batch)
    except NonFiniteStep as stopped:
        raise stopped.explained(0) from None
    logs = results(model)
    return logs if return_dict else _as_list(model, logs)


@apart
def test_on_batch(model: Model, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
    """Evaluate one batch; see `Model.test_on_batch`."""
    _need_compiled(model, "test_on_batch")
    batch = _one_batch(model, x, y, sample_weight, None)
    model.reset_metrics()
    Runner(model, "test").run(batch)
    logs = results(model)
    return logs if return_dict else _as_list(model, logs)


@apart
def predict_on_batch(model: Model, x: Any) -> Any:
    """Predict one batch; see `Model.predict_on_batch`."""
    leaves, structure = _predict_batch(model, _one_batch(model, x, None, None, None))
    return pack_like(structure, [np.array(leaf) for leaf in leaves])


# --- helpers ----------------------------------------------------------------------------------
def _one_batch(model: Model, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Batch:
    source = source_of(x, y, sample_weight, class_weight=class_weight)
    if not isinstance(source, ArraySource):
        raise TypeError("A batch is made of arrays; got an iterable. Pass next(iterator).")
    model.check_data(source.data.x)
    return source.data


def _callbacks(
    model: Model, given: Any, history: History | None, verbose: str | int, params: dict[str, Any]
) -> CallbackList:
    chosen: list[Any] = [] if given is None else flatten(given)
    for callback in chosen:
        if not isinstance(callback, Callback):
            made = isinstance(callback, type) and issubclass(callback, Callback)
            hint = f" Make one: {callback.__name__}(…)." if made else ""
            raise TypeError(f"callbacks holds {callback!r}, which is no Callback.{hint}")
    level = 1 if verbose == "auto" else verbose
    if level not in (0, 1, 2):
        raise ValueError(f"verbose is 'auto', 0, 1 or 2; got {verbose!r}.")
    if level and not any(isinstance(c, ProgbarLogger) for c in chosen):
        chosen = [*chosen, ProgbarLogger()]
    if history is not None:
        chosen = [*chosen, history]  # after those that add to the logs
    return CallbackList(chosen, model, {"verbose": level, **params})


def _as_list(model: Model, logs: dict[str, Any]) -> Any:
    values = [logs[name] for name in model.metrics_names]
    return values[0] if len(values) == 1 else values


def _need_compiled(model: Model, what: str) -> None:
    if not model.compiled:
        raise ValueError(
            f"{what}() needs a loss and an optimizer first:\n"
            "    model.compile(optimizer='adam', loss='mse')"
        )
