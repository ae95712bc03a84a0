"""TensorBoard's event files, by the messages and the record writer of its own package.

An event file is a row of records; a record is an `Event` message with a step and one of: scalars,
histograms and images (a `Summary`), or a graph.

Source: the comments in TensorFlow's ``event.proto``, ``summary.proto`` and ``graph.proto``.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.optional import optional_module

BUCKETS = 30
"""How many buckets a histogram has, as TensorBoard's own."""

_numbers = itertools.count()


def tensorboard(name: str) -> Any:
    """Return a module of TensorBoard.

    Raises:
        ImportError: where it is missing, with the command that brings it.
    """
    purpose = "The callback TensorBoard writes by TensorBoard's own package"
    return optional_module(f"tensorboard.{name}", purpose, "tensorboard")


def message(name: str) -> Any:
    """Return a module of TensorBoard's messages: "summary" for ``summary_pb2``."""
    return tensorboard(f"compat.proto.{name}_pb2")


class EventFile:
    """One event file, in a folder that is made where there is none.

    Args:
        folder: a run, as TensorBoard calls it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder by name, so the time comes first.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
        self.path = folder / f"{name}.{os.getpid()}.{next(_numbers)}"
        record = tensorboard("summary.writer.record_writer")
        self._writer = record.RecordWriter(self.path.open("xb"))
        self._add(file_version="brain.Event:2")
        self.flush()

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Write a number, which TensorBoard holds as a float32."""
        self._value(step, tag=tag, simple_value=float(value))

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Write how the finite entries of an array are distributed; nothing where there is none."""
        flat = np.asarray(values, np.float64).ravel()
        flat = flat[np.isfinite(flat)]
        if flat.size:
            self._value(step, tag=tag, histo=_histogram(flat))

    def image(self, tag: str, grey: np.ndarray, step: int) -> None:
        """Write a grey image, (height, width) of bytes."""
        image = message("summary").Summary.Image(
            height=grey.shape[0], width=grey.shape[1], colorspace=1, encoded_image_string=_png(grey)
        )
        self._value(step, tag=tag, image=image)

    def graph(self, graph: Any) -> None:
        """Write a GraphDef."""
        self._add(graph_def=graph.SerializeToString())

    def _value(self, step: int, **fields: Any) -> None:
        summary = message("summary").Summary
        self._add(step=step, summary=summary(value=[summary.Value(**fields)]))

    def _add(self, **fields: Any) -> None:
        event = message("event").Event(wall_time=time.time(), **fields)
        self._writer.write(event.SerializeToString())

    def flush(self) -> None:
        """Hand what was written to the system: a process that dies leaves it."""
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def _histogram(values: np.ndarray) -> Any:
    """Equal buckets from the least to the greatest value."""
    counts, edges = np.histogram(values, BUCKETS)
    return message("summary").HistogramProto(
        min=values.min(),
        max=values.max(),
        num=values.size,
        sum=values.sum(),
        sum_squares=np.dot(values, values),
        bucket_limit=edges[1:],
        bucket=counts,
    )


def _png(grey: np.ndarray) -> bytes:
    image = import_module("PIL.Image")  # comes with TensorBoard
    file = BytesIO()
    image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


def weight_image(weight: np.ndarray) -> np.ndarray | None:
    """Return a weight as a grey image: black is its least entry, white its greatest.

    A vector is a row. A matrix stands with its longer side across. A kernel of a convolution,
    (k, in, out) or (height, width, in, out), is a mosaic with a column for each filter and a row
    for each of its input channels, a black line apart. None for weights of more axes, and empty
    ones.
    """
    found = np.asarray(weight, np.float64)
    if not found.size or found.ndim > 4:
        return None
    low, high = float(found.min()), float(found.max())
    if not np.isfinite([low, high]).all():
        return None
    grey = np.full(found.shape, 128.0) if low == high else 255 * ((found - low) / (high - low))
    pixels = np.round(grey).astype(np.uint8)
    if pixels.ndim < 2:
        return pixels.reshape(1, -1)
    if pixels.ndim == 2:
        return pixels.T if pixels.shape[0] > pixels.shape[1] else pixels
    return _mosaic(pixels if pixels.ndim == 4 else pixels[None])


def _mosaic(kernel: np.ndarray) -> np.ndarray:
    height, width, rows, columns = kernel.shape
    apart = np.zeros((rows, height + 1, columns, width + 1), np.uint8)
    apart[:, :height, :, :width] = kernel.transpose(2, 0, 3, 1)
    whole = apart.reshape(rows * (height + 1), columns * (width + 1))
    return whole[:-1, :-1]
