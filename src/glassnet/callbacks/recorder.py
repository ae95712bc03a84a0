"""What pictures of a training run need, recorded while it runs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback
from glassnet.callbacks.moments import Moments
from glassnet.checks import number, one_of, whole
from glassnet.errors import FileFormatError
from glassnet.graph.variable import arrays_of, replace_arrays
from glassnet.nest import flatten
from glassnet.storage import parse_json, read_tensors, write_tensors

if TYPE_CHECKING:
    from glassnet.models.model import Model

_FORMAT = "glassnet recording 1"
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Frame:
    """One moment of a run."""

    number: int
    """Which of the moments that could be recorded this is; -1 for the end of the run."""
    step: int
    """The batches that the run had trained on."""
    epoch: int
    """The epochs that were complete."""
    logs: dict[str, Any]
    """Loss and metrics by name; empty at the beginning."""
    weights: list[np.ndarray]
    """The arrays of ``model.weights``."""
    outputs: Any = None
    """What the model predicted for ``watch``: an array, or a list of several outputs' arrays."""

    def label(self, unit: str = "epoch") -> str:
        """Return a caption: "epoch 40, loss 0.1234"."""
        place = f"epoch {self.epoch}" if unit == "epoch" else f"step {self.step}"
        loss = self.logs.get("loss")
        return place if loss is None else f"{place}, loss {float(loss):.4g}"


@CALLBACKS.add()
class Recorder(Callback):
    r"""Records the weights at chosen moments of a run, in bounded memory.

    A frame holds the weights, the logs and, where ``watch`` is given, the predictions for these
    inputs. From the weights everything else follows: `plots.animate` draws boundaries, networks
    and distributions from them. The beginning is recorded (0 epochs) and the end.

    When ``max_frames`` are held, every second one is dropped and from then on every second moment
    is recorded. So a run of any length is covered evenly, by at least half of ``max_frames``.

    Args:
        every: record every so many epochs or batches; or ``"log"``: 20 moments between n and
            10 n, for runs whose beginning matters most; or a list of the moments.
        unit: what is counted: "epoch" or "batch".
        watch: inputs to predict at each moment.
        max_frames: how many frames are held at most.
        memory: how many megabytes (10⁶ bytes) the frames may take.

    Attributes:
        frames: the frames, in order of time.

    Raises:
        MemoryError: where ``memory`` can't hold three frames.

    Training is the same with and without: nothing is changed, no random number is drawn.

    >>> import glassnet as gn
    >>> x, y = gn.datasets.xor.load_data()[0]
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
    >>> model.compile("sgd", "binary_crossentropy")
    >>> recorder = gn.callbacks.Recorder(every=10, watch=x)
    >>> history = model.fit(x, y, epochs=25, verbose=0, callbacks=[recorder])
    >>> recorder.epochs, recorder.frames[-1].outputs.shape
    ([0, 10, 20, 25], (4, 1))
    >>> with recorder.showing(0):  # the model as it was at the beginning
    ...     bool((model.predict(x, verbose=0) == recorder.frames[0].outputs).all())
    True
    """

    def __init__(
        self,
        every: int | str | Iterable[int] = 1,
        unit: str = "epoch",
        watch: Any = None,
        max_frames: int = 200,
        memory: float = 100,
    ) -> None:
        self.unit = one_of(unit, ("epoch", "batch"), "Recorder: unit")
        self.watch = watch
        self.max_frames = whole(max_frames, "Recorder: max_frames", least=3)
        self.memory = number(memory, "Recorder: memory", above=0)
        self.frames: list[Frame] = []
        self._moments = Moments(every, "Recorder")
        self._restart()

    def _restart(self) -> None:
        self.frames = []
        self._moments.restart()
        self._batches = 0
        self._completed = 0
        self._epochs_run = 0
        self._unrecorded: Frame | None = None
        self._capacity: int | None = None

    # --- what was recorded ------------------------------------------------------------------
    @property
    def steps(self) -> list[int]:
        """The number of batches before each frame."""
        return [frame.step for frame in self.frames]

    @property
    def epochs(self) -> list[int]:
        """The number of complete epochs before each frame."""
        return [frame.epoch for frame in self.frames]

    @property
    def logs(self) -> list[dict[str, Any]]:
        """Loss and metrics of each frame."""
        return [frame.logs for frame in self.frames]

    @property
    def weights(self) -> list[list[np.ndarray]]:
        """The weights of each frame, in the order of ``model.weights``."""
        return [frame.weights for frame in self.frames]

    @property
    def labels(self) -> list[str]:
        """A caption for each frame."""
        return [frame.label(self.unit) for frame in self.frames]

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"<Recorder of {len(self.frames)} frames>"

    @contextmanager
    def showing(self, frame: int | Frame, model: Model | None = None) -> Iterator[Model]:
        """Give the model the weights of a frame while the ``with`` block runs.

        Afterwards, also after an error, the model has the very arrays it had before.

        Args:
            frame: a frame or its index.
            model: another model of the same architecture; by default the one that was recorded.
        """
        shown = self.checked(model)
        chosen = frame if isinstance(frame, Frame) else self.frames[frame]
        with _holding(shown, chosen.weights):
            yield shown

    def checked(self, model: Model | None = None) -> Model:
        """Return the model whose weights were recorded, or ``model`` where it is alike.

        Raises:
            ValueError: where there is none, nothing was recorded, or the weights are others.
        """
        chosen = getattr(self, "model", None) if model is None else model
        if chosen is None:
            raise ValueError(
                "The recorder knows no model. Train with it, model.fit(…, callbacks=[recorder]), "
                "or name the model: Recorder.load(path, model)."
            )
        if not self.frames:
            raise ValueError(
                "The recorder holds no frames. Train with it: model.fit(…, callbacks=[recorder])."
            )
        recorded = [array.shape for array in self.frames[0].weights]
        there = [tuple(weight.shape) for weight in chosen.weights]
        if recorded != there:
            raise ValueError(
                f"The recorded weights have the shapes {recorded}; those of the model "
                f"{chosen.name!r} are {there}."
            )
        return chosen

    # --- when -------------------------------------------------------------------------------
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._restart()
        self._completed = self.model.progress.epoch
        if self.model.built:
            self._moment(0, {})

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._completed = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self.unit == "batch":
            self._moment(self._batches, {} if logs is None else logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._completed = epoch + 1
        self._epochs_run += 1
        if self.unit == "epoch":
            self._moment(self._epochs_run, logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(logs or {})

    def on_train_abort(self, error: BaseException) -> None:
        self._end({})

    def _moment(self, n: int, logs: dict[str, Any]) -> None:
        """Record this moment where it is chosen; else note it, for it may be the last."""
        index = self._moments.chosen(n)
        # Arrays are replaced in training, never written into: to hold one is to record it.
        weights = arrays_of(self.model.weights)
        if index is None:
            # To read the logs of a batch costs something, and for the last one they are handed in.
            known = dict(logs) if self.unit == "epoch" else {}
            self._unrecorded = self._frame(-1, known, weights, None)
            return
        self._unrecorded = None
        self._keep(self._frame(index, dict(logs.items()), weights, self._predicted()))

    def _frame(self, index: int, logs: dict[str, Any], weights: Any, outputs: Any) -> Frame:
        return Frame(index, self._batches, self._completed, logs, weights, outputs)

    def _predicted(self) -> Any:
        if self.watch is None:
            return None
        leaves = flatten(self.model.predict(self.watch, verbose=0))
        return leaves[0] if len(leaves) == 1 else leaves

    def _keep(self, frame: Frame) -> None:
        if self._capacity is None:
            self._capacity = self._room_for(frame)
        if len(self.frames) >= self._capacity - 1:  # one place is left for the end
            self._moments.thin()
            stride = self._moments.stride
            self.frames = [f for f in self.frames if f.number % stride == 0]
            if frame.number % stride:
                self._unrecorded = replace(frame, number=-1, outputs=None)
                return
        self.frames.append(frame)

    def _room_for(self, frame: Frame) -> int:
        """How many frames of this size may be held."""
        size = sum(a.nbytes for a in (*frame.weights, *flatten(frame.outputs)) if a is not None)
        room = int(self.memory * _MEGABYTE / max(size, 1))
        if room < 3:
            weights = sum(a.nbytes for a in frame.weights)
            raise MemoryError(
                f"Recorder: one frame takes {size / _MEGABYTE:.3g} MB (the weights "
                f"{weights / _MEGABYTE:.3g} MB, the predictions "
                f"{(size - weights) / _MEGABYTE:.3g} MB), and memory={self.memory:g} holds no "
                f"three of them. Give it more, memory={math.ceil(20 * size / _MEGABYTE)} for 20 "
                "frames, or watch fewer inputs."
            )
        return min(self.max_frames, room)

    def _end(self, logs: dict[str, Any]) -> None:
        """Record the last moment, where it was none of the chosen and the run made no list."""
        frame, self._unrecorded = self._unrecorded, None
        if frame is None or self._moments.listed is not None:
            return
        with _holding(self.model, frame.weights):
            outputs = self._predicted()
        known = dict(logs) or frame.logs
        self.frames.append(replace(frame, epoch=self._completed, logs=known, outputs=outputs))

    # --- the run taken up, the recording kept -----------------------------------------------
    def get_state(self) -> dict[str, Any]:
        return {
            "moments": self._moments.get_state(),
            "batches": self._batches,
            "epochs": self._epochs_run,
            "frames": [[f.number, f.step, f.epoch, f.logs] for f in self.frames],
            "arrays": self._stacked(),
            "several": self._several(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self._moments.set_state(state["moments"])
        self._batches, self._epochs_run = state["batches"], state["epochs"]
        self.frames = _unstacked(state["frames"], state["arrays"], state["several"])
        self._unrecorded = None

    def _several(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[0].outputs, list)

    def _stacked(self) -> dict[str, np.ndarray]:
        """Each weight and each output of all frames as one array, frames first."""
        if not self.frames:
            return {}
        outputs = [[a for a in flatten(f.outputs) if a is not None] for f in self.frames]
        groups: dict[str, list[Any]] = {"weights": self.weights, "outputs": outputs}
        return {
            f"{group}.{i}": np.stack(arrays)
            for group, rows in groups.items()
            for i, arrays in enumerate(zip(*rows, strict=True))
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the frames to a ``.safetensors`` file; ``load`` reads it.

        Raises:
            ValueError: where nothing was recorded, or for another ending of the name.
        """
        _check_ending(path)
        if not self.frames:
            raise ValueError("The recorder holds no frames to save.")
        frames = [
            [f.number, f.step, f.epoch, {k: _plain(v) for k, v in f.logs.items()}]
            for f in self.frames
        ]
        told = {"unit": self.unit, "several": self._several(), "frames": frames}
        write_tensors(path, self._stacked(), {"format": _FORMAT, "state": json.dumps(told)})

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Model | None = None) -> Recorder:
        """Return a recorder with the frames of a file.

        Args:
            path: what ``save`` wrote.
            model: a model of the architecture that was recorded, for pictures.

        Raises:
            FileFormatError: where the file is damaged, or no recording.
            ValueError: where ``model`` has other weights.
        """
        arrays, metadata = read_tensors(path, require_checksum=True)
        if metadata.get("format") != _FORMAT:
            raise FileFormatError(f"{os.fspath(path)} is no recording of a training run.")
        told = parse_json(metadata.get("state", "").encode(), f"the state in {os.fspath(path)}")
        try:
            made = cls(unit=told["unit"])
            frames = [
                [*rest, {k: _number(v) for k, v in logs.items()}] for *rest, logs in told["frames"]
            ]
            made.frames = _unstacked(frames, arrays, told["several"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise FileFormatError(
                f"{os.fspath(path)} is no whole recording of a training run: {error!r}."
            ) from None
        if model is not None:
            made.model = made.checked(model)
        return made


@contextmanager
def _holding(model: Model, weights: Sequence[np.ndarray]) -> Iterator[None]:
    """Let the model have these arrays as its weights while the block runs."""
    variables = model.weights
    kept = arrays_of(variables)
    try:
        replace_arrays(variables, weights)
        yield
    finally:
        replace_arrays(variables, kept)


def _unstacked(frames: Sequence[Any], arrays: dict[str, np.ndarray], several: bool) -> list[Frame]:
    groups = {
        group: [arrays[f"{group}.{i}"] for i in range(_count(arrays, group))]
        for group in ("weights", "outputs")
    }
    if any(len(a) != len(frames) for a in arrays.values()):
        raise ValueError("the arrays are not of as many frames as are listed")
    made = []
    for i, (index, step, epoch, logs) in enumerate(frames):
        # Copies: a frame that is dropped must not be held by the others.
        weights = [np.array(a[i]) for a in groups["weights"]]
        leaves = [np.array(a[i]) for a in groups["outputs"]]
        outputs: Any = leaves if several else leaves[0] if leaves else None
        made.append(Frame(index, step, epoch, dict(logs), weights, outputs))
    return made


def _count(arrays: dict[str, np.ndarray], group: str) -> int:
    return sum(name.startswith(f"{group}.") for name in arrays)


def _check_ending(path: str | os.PathLike[str]) -> None:
    if not os.fspath(path).endswith(".safetensors"):
        raise ValueError(f"A recording's file ends in .safetensors; got {os.fspath(path)!r}.")


def _plain(value: Any) -> Any:
    """A log as JSON holds it; what is not finite as a text."""
    if np.ndim(value):
        return [_plain(v) for v in np.asarray(value)]
    found = float(value)
    return found if math.isfinite(found) else str(found)


def _number(value: Any) -> Any:
    return np.array([_number(v) for v in value]) if isinstance(value, list) else float(value)
