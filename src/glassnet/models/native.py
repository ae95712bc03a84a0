"""Epochs in compiled code: what `fit` needs to leave the loop over batches to the native engine."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks import CallbackList
from glassnet.callbacks.messages import say
from glassnet.engines import Program, choice
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import STEP
from glassnet.models import steps as recorded
from glassnet.models.data import ArraySource
from glassnet.models.running import AnySource, Feed, check_targets
from glassnet.nest import flatten
from glassnet.ops import cast

if TYPE_CHECKING:
    from glassnet.engines.native.interrupts import PutOff
    from glassnet.engines.native.session import Session
    from glassnet.models.model import Model

CALL_SECONDS = 0.05
"""How long compiled code runs until Python may handle a keyboard interrupt."""
EPOCHS_AHEAD = 4096
"""How many epochs are trained at most before they are told, where only the history listens."""
FIRST_BUDGET = 32
"""How many steps are made until one is known to take how long."""
SESSIONS_KEPT = 4
"""How many ways to run a step in whole epochs are kept ready."""
WORTH_TELLING = 1.0
"""Seconds of compiling from which on a person is told what the wait is for."""
_MANY = 1 << 40
"""Steps or epochs: as good as no limit."""


class NativeEpochs:
    """Trains epochs in compiled code and tells their results.

    Weights come in when an epoch begins and go out when Python wants to see them: at the end of
    the epoch, or of all epochs where nobody but the history asks. In between they are the
    session's; what the model holds is whole at any time, the state after some step.
    """

    _session: Session
    _budget: Budget

    def __init__(self, model: Model, source: ArraySource, *, tells: bool) -> None:
        self.model, self._source, self._first = model, source, source.first()
        self._tells = tells
        self._names: list[str] = []
        self._wanted: Any = None  # the model's step, and whether it is checked
        self._taken = False  # whether there is a session for that
        self._queue: deque[dict[str, Any]] = deque()
        self._begun = 0  # batches made of an epoch that Python is to finish
        self._interrupts = ExitStack()
        self._waiting: PutOff | None = None
        self._table = np.zeros((1, 1))

    def follows(self, epochs: int) -> bool:
        """Take the step that the model has now and a session that runs it, for so many epochs.

        False says that Python has to keep the loop.
        """
        model = self.model
        if not choice.wants_native(model.engine):
            return False
        step, checks = model.training_step(self._first), model.check_finite
        if (step, checks) != self._wanted:
            self._release()
            self._wanted = step, checks
            session = None
            if type(step) is recorded.Step:
                session = session_of(
                    model, step, self._source, epochs, checks=checks, tells=self._tells
                )
            if session is not None:
                self._session, self._taken = session, True
                self._names = list(model.metrics_names) if len(session.results) else []
                self._budget = Budget(1 if session.asks else FIRST_BUDGET)
                check_targets(step, self._source.data)
        return self._taken

    def _look_again(self, epochs: int) -> bool:
        """Follow callbacks: they may have compiled the model, frozen layers, changed the data."""
        if not self.follows(epochs):
            return False
        for table, array in zip(self._session.tables, _arrays(self._source), strict=True):
            if not np.may_share_memory(table, array):
                table[...] = array
        return True

    def _release(self) -> None:
        if self._taken:
            self._taken = False
            self._session.release()

    @property
    def has_more(self) -> bool:
        """Whether epochs are trained, or one is begun, that were not told yet."""
        return bool(self._queue or self._begun)

    def results(self, epoch: int, last: int, hooks: CallbackList) -> dict[str, Any] | None:
        """Return the logs of an epoch; train up to ``last`` where nobody wants a hand before.

        None says that Python has to make steps. The epoch may be begun: then a value was not
        finite, and the step that made it is to be done by the reference, which explains; or
        training shall stop.
        """
        if not self.has_more:
            if hooks.asks_for_epochs and not self._look_again(last - epoch):
                return None
            alone = bool(self._names) and not hooks.asks_for_epochs
            end = min(last, epoch + EPOCHS_AHEAD) if alone else epoch + 1
            self._block(epoch, end, hooks, alone)
        if self._queue:
            self._stand_at(self._session.steps)
            return self._queue.popleft()
        self._hand_back()
        self._let_interrupt()
        return None

    def _block(self, epoch: int, end: int, hooks: CallbackList, alone: bool) -> None:
        """Train epochs; an interrupt comes when all is handed over, and told where nobody asks."""
        self._put_off()
        try:
            self._train(epoch, end, hooks)
        finally:
            self._stand_at(self._begun or (self._session.steps if self._queue else 0))
            if self._interrupted and not alone:
                self._queue.clear()  # who is called at each epoch is not called for this one
        if not alone:
            self._let_interrupt()

    def told(self) -> None:
        """Note that what ``results`` returned was told; an interrupt may come after the last."""
        if not self._queue:
            if self._interrupted:
                self._hand_back()
            self._let_interrupt()

    def _stand_at(self, batch: int) -> None:
        progress = self.model.progress
        progress.batch = batch
        progress.in_pass = batch if batch < self._session.steps else 0

    def _hand_back(self) -> None:
        """Let Python go on where compiled code stopped in the middle of an epoch."""
        self._stand_at(self._begun)
        self._begun = 0

    def close(self) -> None:
        """Let go of the data."""
        self._release()
        self._let_interrupt()

    def drain(self) -> list[dict[str, Any]]:
        """Return the logs of epochs that are trained but were not told yet."""
        queue, self._queue = list(self._queue), deque()
        if queue or self._begun:
            self._hand_back()
        return queue

    # --- interrupts ---------------------------------------------------------------------------
    def _put_off(self) -> None:
        from glassnet.engines.native.interrupts import PutOff

        self._waiting = self._interrupts.enter_context(PutOff())

    def _let_interrupt(self) -> None:
        self._interrupts.close()

    @property
    def _interrupted(self) -> bool:
        return self._waiting is not None and bool(self._waiting.came)

    # --- training -----------------------------------------------------------------------------
    def _train(self, epoch: int, end: int, hooks: CallbackList) -> None:
        session = self._session
        if not self._names:
            self.model.reset_metrics()
        session.store.load()
        count = end - epoch
        self._table = np.zeros((max(count, 1), max(len(session.results), 1)))
        begun = self.model.progress.seen
        session.begin(begun)
        try:
            while session.epochs_done < count and not session.stopped:
                if session.asks:
                    session.store.remember()
                self._budget.run(session, count, self._table)
                if hooks.wanting("on_train_batch_end"):
                    self._tell(hooks)
                if self.model.stop_training or self._interrupted:
                    break
        finally:
            if session.stopped and session.asks:
                session.store.recall()  # a person's own op need not do the same again
            elif session.stopped:
                self._replay(begun, session.seen)
            self._commit()

    def _tell(self, hooks: CallbackList) -> None:
        """Let callbacks that look now and then see where training stands."""
        session, progress = self._session, self.model.progress
        done = session.batch or (session.steps if session.epochs_done else 0)
        if done and not session.flagged:
            progress.batch = done
            session.conclude()
            logs = _logs(self._names, session.results) if self._names else {}
            hooks.call("on_train_batch_end", done - 1, logs)

    def _replay(self, begun: int, seen: int) -> None:
        """Go back to where the weights came in and make the steps before the one that failed.

        An interrupt ends it after some step: what counts is that the state is that of a whole one.
        """
        session = self._session
        session.store.load()
        session.begin(begun)
        table = np.zeros((len(self._table) + 1, self._table.shape[1]))
        while session.seen < seen and not session.stopped and not self._interrupted:
            self._budget.run(session, _MANY, table, seen - session.seen)

    def _commit(self) -> None:
        """Hand the weights and the results of finished epochs over."""
        session = self._session
        session.store.save()
        self.model.progress.seen = session.seen
        done = session.epochs_done
        if self._names:
            for row in self._table[:done].tolist():
                self._queue.append(dict(zip(self._names, row, strict=True)))
        elif done:
            self._queue.append(self.model.get_metrics_result())
        self._begun = session.batch


def native_epochs(
    model: Model, source: AnySource, feed: Feed, hooks: CallbackList, epochs: int
) -> NativeEpochs | None:
    """Return what trains epochs natively, or None where Python has to keep the loop."""
    if type(source) is not ArraySource or feed.steps is not None or not hooks.leaves_batches_alone:
        return None
    if epochs <= 0:
        return None
    found = NativeEpochs(model, source, tells=hooks.tells)
    try:
        return found if found.follows(epochs) else None
    except BaseException:
        found.close()
        raise


def evaluated(
    model: Model, source: AnySource, hooks: CallbackList, checks: bool
) -> dict[str, Any] | None:
    """Return the results of an evaluation in compiled code, or None where Python has to do it."""
    if type(source) is not ArraySource or not hooks.leaves_tests_alone:
        return None
    if not choice.wants_native(model.engine):
        return None
    step = _test_step(model, source)
    session = session_of(model, step, source, 1, checks=checks, tells=hooks.tells, training=False)
    if session is None:
        return None
    if not len(session.results):
        session.release()
        return None
    try:
        check_targets(step, source.data)
        return _evaluation(model, session, hooks)
    finally:
        session.release()


def _evaluation(model: Model, session: Session, hooks: CallbackList) -> dict[str, Any] | None:
    session.store.load()
    session.begin(model.progress.seen)
    table = np.zeros((1, len(session.results)))
    budget = Budget()
    while not session.epochs_done and not session.stopped:
        budget.run(session, 1, table)
        if hooks.wanting("on_test_batch_end") and not session.stopped:
            done = session.batch or session.steps
            session.conclude()
            hooks.call("on_test_batch_end", done - 1, _logs(model.metrics_names, session.results))
    if session.stopped:
        return None
    session.store.save()
    return _logs(model.metrics_names, table[0])


def _logs(names: Sequence[str], values: np.ndarray) -> dict[str, Any]:
    return dict(sorted(zip(names, values.tolist(), strict=True)))


class Budget:
    """How many steps compiled code makes until Python may handle a keyboard interrupt."""

    def __init__(self, steps: int = FIRST_BUDGET) -> None:
        self._steps, self._grows = steps, steps > 1

    def run(self, session: Session, epochs: int, table: np.ndarray, most: int = _MANY) -> None:
        """Stay in compiled code for a moment; the next stay follows from how long this one took."""
        start = time.perf_counter()
        session.run(epochs, table, min(self._steps, most))
        took = time.perf_counter() - start
        if self._grows and session.made >= self._steps:
            scale = min(CALL_SECONDS / max(took, 1e-9), 64.0)
            self._steps = max(1, min(_MANY, int(self._steps * scale)))


def session_of(
    model: Model,
    step: recorded.Step,
    source: ArraySource,
    epochs: int,
    *,
    checks: bool,
    tells: bool,
    training: bool = True,
) -> Session | None:
    """Return a session that has taken the data, or None where it is not worth it.

    With ``tells`` a line is printed before kernels are compiled that take a while.
    """
    try:
        return _session_of(model, step, source, epochs, checks, tells, training)
    except (ImportError, OSError) as error:
        choice.go_without(model.engine, error)
        return None


def _session_of(
    model: Model,
    step: recorded.Step,
    source: ArraySource,
    epochs: int,
    checks: bool,
    tells: bool,
    training: bool,
) -> Session | None:
    rows = min(source.batch_size, source.size)
    seconds = step.program.seconds({"m": rows}) * (source.steps or 1) * epochs
    if not choice.may_be_worth(model.engine, step.program.nodes, seconds):
        return None
    shuffles = training and source.shuffle
    if not _has_kernels(step.program, shuffles):
        return None
    tables = _tables(step, source)
    kinds = tuple((table.shape, table.dtype.str) for table in tables)
    key = (kinds, source.batch_size, shuffles, checks)
    session = step.sessions.get(key)
    if session is None:
        while len(step.sessions) >= SESSIONS_KEPT:
            del step.sessions[next(iter(step.sessions))]
        session = _made(model, step, tables, source, shuffles, checks, training)
        step.sessions[key] = session
    if not session.is_ready:
        if not choice.is_worth(model.engine, session.kernels, session.nodes, seconds):
            return None
        if tells:
            _announce(session.kernels)
        session.ready()
    return session if session.take(tables, source.seed) else None


def kernels_of(model: Model, source: ArraySource, *, training: bool) -> list[str]:
    """Return the kernels for epochs of training, or of an evaluation; nothing is compiled."""
    step: Any = model.training_step(source.first()) if training else _test_step(model, source)
    tables = _tables(step, source)
    return _made(model, step, tables, source, training, True, training).kernels


def _test_step(model: Model, source: ArraySource) -> Any:
    first = source.first()
    return model.step_for("test", first, recorded.test_step, recorded.signature(first))


def _announce(kernels: list[str]) -> None:
    """Say what a person waits for, where kernels must be compiled first."""
    from glassnet.engines.native import compiler

    seconds = compiler.compile_time_estimate(kernels)
    if seconds >= WORTH_TELLING:
        count = len(compiler.missing(kernels))
        say(f"Compiling {count} kernels, once for this machine: about {math.ceil(seconds)} s.")


def _has_kernels(program: Program, shuffles: bool) -> bool:
    """Whether there are kernels for what an epoch needs around its steps.

    They shuffle as the NumPy does that they were written after, and pick rows and look for values
    that are not finite in any dtype but float16.
    """
    from glassnet.engines.native.lowering.elementwise import ALL, code
    from glassnet.engines.native.lowering.random import agrees_with_numpy

    dtypes = {t.dtype for t in (*program.inputs, *program.outputs)}
    return all(code(d) in ALL for d in dtypes) and (not shuffles or agrees_with_numpy())


def _made(
    model: Model,
    step: recorded.Step,
    tables: list[np.ndarray],
    source: ArraySource,
    shuffles: bool,
    checks: bool,
    training: bool,
) -> Session:
    from glassnet.engines.native.session import Recorded, Session

    watched = step.watched_outputs if checks else []
    names, before, after = _metrics(model)
    return Session(
        Recorded(step.program, step.count, step.updated, watched, step.state if checks else ()),
        tables,
        source.batch_size,
        None if before is None else Recorded(before[0], 0, before[1]),
        None if after is None else Recorded(after, len(names), ()),
        shuffles=shuffles,
        counts=training,
    )


def _tables(step: recorded.Step, source: ArraySource) -> list[np.ndarray]:
    """The data as the kernels want them: C-contiguous, in a dtype that is cast to the input's."""
    found = []
    inputs = [p for p in step.program.inputs if p is not STEP]
    for array, placeholder in zip(_arrays(source), inputs, strict=True):
        known = array.dtype.isnative and array.dtype.kind in "fiub" and array.dtype.itemsize <= 8
        if array.dtype == np.float16 or not known:
            array = array.astype(placeholder.dtype)
        found.append(np.asarray(array, order="C"))
    return found


def _arrays(source: ArraySource) -> list[np.ndarray]:
    return [a for a in flatten(source.data) if a is not None]


def _metrics(model: Model) -> tuple[list[str], Any, Program | None]:
    """Record what begins an epoch and what ends it; nothing where a metric is a person's own.

    A metric of one's own may compute with NumPy what a recording would not see.
    """
    metrics = model.metrics
    if any(not type(m).__module__.startswith("glassnet.") for m in metrics):
        return [], None, None
    with recording() as opened:
        model.reset_metrics()
    before = (Program((), list(opened.updates.values())), list(opened.updates))
    with recording():
        found = [as_tensor(m.result()) for m in metrics]
        if any(t.shape != () or t.dtype.kind != "f" for t in found):
            return [], None, None
        after = Program((), [cast(t, "float64") for t in found])
    return list(model.metrics_names), before, after
