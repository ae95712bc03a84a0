"""Training as TensorBoard shows it: scalars, histograms, images, the graph, embeddings."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback
from glassnet.callbacks.events import EventFile, tensorboard, weight_image
from glassnet.callbacks.graph_messages import graph_message
from glassnet.checks import whole
from glassnet.layers import Embedding, Layer
from glassnet.storage.writing import write_whole


@CALLBACKS.add()
class TensorBoard(Callback):
    """Writes what TensorBoard shows: ``tensorboard --logdir logs``.

    There are two runs, in the folders ``train`` and ``validation`` of ``log_dir``:

    - scalars: ``epoch_loss`` and every metric, ``epoch_learning_rate``; in ``validation`` the same
      names, and ``evaluation_loss_vs_iterations`` after every evaluation; with ``update_freq``
      ``batch_loss`` and every metric, the running means of the epoch;
    - the graph of the forward pass in training and of the loss, an op a node, grouped by layers;
    - histograms ``sequential/dense/kernel/histogram`` of all weights;
    - images ``sequential/dense/kernel/image``: grey, from the least entry to the greatest;
    - embeddings, for the projector.

    The epoch is the step; batches are counted from 1. Every epoch is handed to the system at its
    end, so a run that dies leaves all its epochs.

    Args:
        log_dir: a folder for this run alone.
        histogram_freq: write histograms every so many epochs; 0 for never.
        write_graph: whether to write the graph.
        write_images: whether to write images with the histograms.
        write_steps_per_second: whether to write how many steps a second were made.
        update_freq: "epoch", "batch", or write the batch's scalars every so many batches.
        profile_batch: 0: there is nothing to profile, a step is one graph of NumPy's functions.
        embeddings_freq: write the tables of `Embedding` layers every so many epochs; 0 for never.
            The projector shows the newest.
        embeddings_metadata: a file with a label for each row, as a path; or a path by the name of
            the layer.

    Raises:
        ImportError: without TensorBoard's own package.
        ValueError: for a ``profile_batch``; for metadata of a layer that there is not.

    Source: Keras's callback of this name, for the tags.

    >>> import tempfile, numpy as np, glassnet as gn
    >>> from pathlib import Path
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     board = gn.callbacks.TensorBoard(folder, histogram_freq=1)
    ...     _ = model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0, callbacks=[board])
    ...     [path.name.split(".")[:3] for path in Path(folder, "train").iterdir()]
    [['events', 'out', 'tfevents']]
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | Mapping[str, str] | None = None,
    ) -> None:
        if profile_batch not in (0, None, "0"):
            raise ValueError(
                f"TensorBoard: profile_batch={profile_batch!r}: glassnet has no profiler for it. "
                "Leave it at 0; python -m cProfile tells where the time goes."
            )
        if isinstance(update_freq, str):
            if update_freq not in ("batch", "epoch"):
                raise ValueError(
                    "TensorBoard: update_freq is 'epoch', 'batch' or a number of batches; got "
                    f"{update_freq!r}."
                )
            self.update_freq = 1 if update_freq == "batch" else 0
        else:
            self.update_freq = whole(update_freq, "TensorBoard: update_freq", least=1)
        self.log_dir = Path(log_dir)
        self.histogram_freq = whole(histogram_freq, "TensorBoard: histogram_freq", least=0)
        self.embeddings_freq = whole(embeddings_freq, "TensorBoard: embeddings_freq", least=0)
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.embeddings_metadata = embeddings_metadata
        tensorboard("summary.writer.record_writer")  # absent: told now, not after an hour
        self._files: dict[str, EventFile] = {}
        self._training = False
        self._restart()

    def _restart(self) -> None:
        self._batches = 0
        self._graph_due = self.write_graph
        self._batch_began = self._epoch_began = 0.0
        self._updates = 0

    def _file(self, run: str) -> EventFile:
        """The run's file, made when there is something to write."""
        if run not in self._files:
            self._files[run] = EventFile(self.log_dir / run)
        return self._files[run]

    def _close(self) -> None:
        self._training = False
        for file in self._files.values():
            file.close()
        self._files.clear()

    # --- when -------------------------------------------------------------------------------
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close()
        self._restart()
        self._training = True
        if self.embeddings_freq:
            self._check_embeddings()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch_began = time.perf_counter()
        self._updates = int(self.model.optimizer.iterations)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batch_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        took = time.perf_counter() - self._batch_began
        self._batches += 1
        if self._graph_due:
            self._write_graph()
        if not self.update_freq or self._batches % self.update_freq:
            return
        file = self._file("train")
        for name, value in _scalars(logs or {}):
            file.scalar(f"batch_{name}", value, self._batches)
        if self.write_steps_per_second:
            file.scalar("batch_steps_per_second", 1 / max(took, 1e-9), self._batches)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._write_epoch(epoch, logs or {})
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        for file in self._files.values():
            file.flush()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = self.model.optimizer
        if optimizer is not None:
            step = int(optimizer.iterations)
            for name, value in _scalars(logs or {}):
                self._file("validation").scalar(f"evaluation_{name}_vs_iterations", value, step)
        if not self._training:  # model.evaluate(callbacks=[…]) calls nothing after this
            self._close()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close()

    def on_train_abort(self, error: BaseException) -> None:
        self._close()

    def get_state(self) -> dict[str, Any]:
        return {"batches": self._batches, "graph_due": self._graph_due}

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches, self._graph_due = state["batches"], state["graph_due"]

    # --- what -------------------------------------------------------------------------------
    def _write_epoch(self, epoch: int, logs: Mapping[str, Any]) -> None:
        train = {k: v for k, v in logs.items() if not k.startswith("val_")}
        held = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        if train:
            rate = getattr(self.model.optimizer, "learning_rate", None)
            if rate is not None:
                train["learning_rate"] = float(np.asarray(rate))
            if self.write_steps_per_second:
                made = int(self.model.optimizer.iterations) - self._updates
                took = max(time.perf_counter() - self._epoch_began, 1e-9)
                train["steps_per_second"] = made / took
        for run, found in (("train", train), ("validation", held)):
            for name, value in _scalars(found):
                self._file(run).scalar(f"epoch_{name}", value, epoch)

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for weight in self.model.weights:
            name = (weight.path or str(weight.name)).replace(":", "_")
            file.histogram(f"{name}/histogram", weight.value, epoch)
            grey = weight_image(weight.value) if self.write_images else None
            if grey is not None:
                file.image(f"{name}/image", grey, epoch)

    def _write_graph(self) -> None:
        """Write the forward pass and the loss of the step that has just run for the first time."""
        self._graph_due = False
        steps = [step for key, step in self.model._steps.items() if key[0] == "train"]
        forward = steps[-1].forward
        self._file("train").graph(graph_message([*forward.outputs, forward.loss]))

    # --- embeddings -------------------------------------------------------------------------
    def _check_embeddings(self) -> None:
        given = self.embeddings_metadata
        names = [layer.name for layer in _embeddings(self.model)]
        unknown = sorted(set(given) - set(names)) if isinstance(given, Mapping) else []
        if unknown:
            raise ValueError(
                f"TensorBoard: embeddings_metadata names {', '.join(map(repr, unknown))}; the "
                f"Embedding layers are {', '.join(map(repr, names)) or 'none'}."
            )

    def _write_embeddings(self) -> None:
        """Write each table as text, tabs between the numbers, and what names them."""
        folder = self.log_dir / "train"
        self._file("train")
        config = tensorboard("plugins.projector.projector_config_pb2").ProjectorConfig()
        for layer in _embeddings(self.model):
            told = config.embeddings.add(tensor_name=layer.name, tensor_path=f"{layer.name}.tsv")
            if isinstance(self.embeddings_metadata, str):
                told.metadata_path = os.path.abspath(self.embeddings_metadata)
            elif self.embeddings_metadata and layer.name in self.embeddings_metadata:
                told.metadata_path = os.path.abspath(self.embeddings_metadata[layer.name])
            table = layer.embeddings.value
            rows = ("\t".join(map(repr, row)) + "\n" for row in table.astype(float).tolist())
            write_whole(folder / told.tensor_path, (row.encode() for row in rows))
        text = import_module("google.protobuf.text_format").MessageToString(config)
        write_whole(folder / "projector_config.pbtxt", [text.encode()])


def _embeddings(layer: Layer) -> Iterator[Any]:
    """The layer's own and inner embeddings, each once."""
    seen: set[int] = set()
    waiting = [layer]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Embedding):
            yield one
        waiting += one._sublayers()


def _scalars(logs: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers by name; those of an array with their places: ``recall/0``."""
    for name, value in logs.items():
        found = np.asarray(value, np.float64)
        if found.ndim == 0:
            yield name, float(found)
            continue
        for i, entry in enumerate(found.ravel()):
            yield f"{name}/{i}", float(entry)
