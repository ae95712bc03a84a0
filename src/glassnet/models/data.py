"""Where batches come from: arrays, memory-mapped arrays, iterables and generators of batches."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from glassnet.checks import number, whole
from glassnet.graph.recording import as_tensor
from glassnet.layers.calling import is_numbers
from glassnet.nest import flatten, map_structure
from glassnet.notation import examples_in_notation
from glassnet.utils import PyDataset


class Batch(NamedTuple):
    """One batch: inputs, targets and weights, each an array, a structure of arrays, or None."""

    x: Any
    y: Any = None
    sample_weight: Any = None


class Source(Protocol):
    """What gives the batches of one pass over the data."""

    steps: int | None
    """The number of batches in a pass; None where only the end of the pass tells."""
    restarts: bool
    """Whether a second pass can be made."""

    def batches(self, key: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of the pass ``key`` without the first ``skip``."""


@dataclass
class ArraySource:
    """Batches of arrays in memory (or mapped into it), shuffled anew in each pass.

    The order is a pure function of (seed, key), so a resumed run sees the batches that the
    uninterrupted one would have seen.
    """

    data: Batch
    batch_size: int
    shuffle: bool
    seed: int
    restarts: bool = True

    def __post_init__(self) -> None:
        self.size = _common_length(self.data)
        self.steps: int | None = math.ceil(self.size / self.batch_size)

    def batches(self, key: int, skip: int = 0) -> Iterator[Batch]:
        order = shuffled(self.size, self.seed, key) if self.shuffle else None
        for start in range(skip * self.batch_size, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            rows = slice(start, stop) if order is None else order[start:stop]
            yield Batch(*(_rows(part, rows) for part in self.data))

    def first(self) -> Batch:
        """Return a batch like those to come."""
        return Batch(*(_rows(part, slice(0, self.batch_size)) for part in self.data))


@dataclass
class IterableSource:
    """Batches that an iterable yields: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""

    iterable: Any
    class_weight: Mapping[int, float] | None = None

    def __post_init__(self) -> None:
        self.restarts = not hasattr(self.iterable, "__next__")
        self.steps: int | None = len(self.iterable) if hasattr(self.iterable, "__len__") else None
        self._opened: Iterable[Any] | None = None  # a pass begun by looking at its first batch

    def batches(self, key: int, skip: int = 0) -> Iterator[Batch]:
        items = _items(self.iterable) if self._opened is None else self._opened
        self._opened = None
        for i, item in enumerate(items):
            if i >= skip:
                yield self._weighted(_as_batch(item))
        if hasattr(self.iterable, "on_epoch_end"):
            self.iterable.on_epoch_end()

    def first(self) -> Batch | None:
        """Return the first batch of the next pass, which will still yield it; None for no data."""
        items = iter(_items(self.iterable) if self._opened is None else self._opened)
        for item in items:
            self._opened = itertools.chain([item], items)
            return self._weighted(_as_batch(item))
        return None

    def _weighted(self, batch: Batch) -> Batch:
        if self.class_weight is None:
            return batch
        return batch._replace(sample_weight=weights_of_classes(batch.y, self.class_weight))


@dataclass
class NumberedSource(IterableSource):
    """Batches that can be asked for by number: a `PyDataset`, in a new order in each pass."""

    shuffle: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self.restarts = True
        self.steps = self.iterable.num_batches

    def batches(self, key: int, skip: int = 0) -> Iterator[Batch]:
        self.iterable.on_epoch_begin()
        numbers: Iterable[int] = itertools.count()
        if self.steps is not None:
            self.steps = self.iterable.num_batches
            numbers = range(self.steps)
            if self.shuffle:
                numbers = shuffled(self.steps, self.seed, key).tolist()
        for place in itertools.islice(numbers, skip, None):
            yield self._weighted(_as_batch(self.iterable[place]))
        self.iterable.on_epoch_end()

    def first(self) -> Batch | None:
        """Return a batch like those to come; None for no data."""
        return None if self.steps == 0 else self._weighted(_as_batch(self.iterable[0]))


def shuffled(size: int, seed: int, key: int) -> np.ndarray:
    """Return the numbers below ``size`` in an order that is a pure function of (seed, key)."""
    bits = np.random.Philox(key=np.array([seed, key], np.uint64))
    return np.random.Generator(bits).permutation(size)


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    class_weight: Mapping[int, float] | None = None,
) -> ArraySource | IterableSource:
    """Return the source that gives batches of what was passed to fit, evaluate or predict."""
    if x is None:
        raise ValueError("There is no data: x is None. Pass arrays, or an iterable of batches.")
    if not _is_arrays(x):
        if not _is_iterable(x):
            raise TypeError(
                f"x is {x!r}: expected arrays (examples first), a list or a dict of such, or an "
                "iterable of batches."
            )
        if y is not None or sample_weight is not None:
            raise ValueError(
                "x yields batches, so targets and weights come with them: yield (x, y) or "
                "(x, y, sample_weight), and pass no y= or sample_weight=."
            )
        if isinstance(x, PyDataset):
            return NumberedSource(x, class_weight, bool(shuffle), seed)
        return IterableSource(x, class_weight)
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError("Pass class_weight or sample_weight, not both: multiply them first.")
        sample_weight = weights_of_classes(_arrays(y, "y"), class_weight)
    data = Batch(_arrays(x, "x"), _arrays(y, "y"), _arrays(sample_weight, "sample_weight"))
    size = 32 if batch_size is None else batch_size
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size <= 0:
        raise ValueError(f"batch_size is a whole number above 0; got {batch_size!r}.")
    return ArraySource(data, int(size), bool(shuffle), seed)


def split_validation(data: Batch, fraction: float) -> tuple[Batch, Batch]:
    """Return the data without its last ``fraction``, and that part, as Keras splits."""
    number(fraction, "validation_split")
    if not _is_arrays(data.x):
        raise ValueError(
            "validation_split divides arrays; x yields batches. Pass validation_data=, an iterable "
            "of batches too."
        )
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split is between 0 and 1; got {fraction!r}.")
    arrays = Batch(*(_arrays(part, name) for part, name in zip(data, Batch._fields, strict=True)))
    size = _common_length(arrays)
    cut = math.floor(size * (1 - fraction))
    if cut in (0, size):
        raise ValueError(
            f"validation_split={fraction} of {size} examples leaves one of the two parts empty."
        )
    return (
        Batch(*(_rows(part, slice(0, cut)) for part in arrays)),
        Batch(*(_rows(part, slice(cut, size)) for part in arrays)),
    )


def weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """Return one weight an example from one a class; y holds class numbers or one-hot rows."""
    if y is None or isinstance(y, (list, tuple, dict)):
        raise ValueError("class_weight needs one array of targets y.")
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight is a dict, {{class number: weight}}; got {class_weight!r}.")
    for label, weight in class_weight.items():
        whole(label, "A class number in class_weight", least=0)
        number(weight, f"class_weight[{label}]")
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = labels.reshape(-1).astype(np.int64)
    missing = set(np.unique(labels).tolist()) - set(class_weight)
    if missing:
        raise ValueError(
            f"class_weight names no weight for the classes {sorted(missing)} that occur in y."
        )
    table = np.zeros(labels.max() + 1, np.float64)
    for label, weight in class_weight.items():
        if 0 <= label < len(table):
            table[label] = weight
    return table[labels]


def check_numbers(data: Batch, where: str = "") -> None:
    """Raise where arrays in memory hold NaN or infinity, naming the first such example."""
    for part, name in zip(data, Batch._fields, strict=True):
        for array in flatten(part):
            if array is None or array.dtype.kind != "f" or isinstance(array, np.memmap):
                continue
            if np.isfinite(np.vdot(array, array)):
                continue
            bad = np.argwhere(~np.isfinite(array))
            if len(bad):
                place = tuple(int(i) for i in bad[0])
                raise ValueError(
                    f"{name}{where} holds {array[place]} at {list(place)} (example {place[0]}; "
                    f"{len({int(b[0]) for b in bad})} of {len(array)} examples are concerned). "
                    "Remove such examples or fill the gaps; a model that is made for gaps takes "
                    "compile(check_finite=False)."
                )


# --- helpers ----------------------------------------------------------------------------------
def _items(iterable: Any) -> Iterable[Any]:
    if hasattr(iterable, "__iter__"):
        return iterable
    return (iterable[i] for i in range(len(iterable)))


def _is_arrays(x: Any) -> bool:
    return hasattr(x, "__array__") or isinstance(x, (list, tuple, dict))


def _is_iterable(x: Any) -> bool:
    numbered = hasattr(x, "__len__") and hasattr(x, "__getitem__")
    return numbered or (hasattr(x, "__iter__") and not isinstance(x, (set, frozenset)))


def _arrays(part: Any, name: str) -> Any:
    """Return arrays for what stands for arrays, in the same structure."""
    if part is None:
        return None

    def convert(value: Any) -> np.ndarray:
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            return value
        try:
            return np.asarray(as_tensor(value))
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None

    whole_list = isinstance(part, (list, tuple)) and is_numbers(part)
    return convert(part) if whole_list else map_structure(convert, part)


def _as_batch(item: Any) -> Batch:
    parts = item if isinstance(item, tuple) else (item,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"A batch is x, (x, y) or (x, y, sample_weight); got a tuple of {len(parts)}."
        )
    batch = Batch(*(_arrays(p, n) for p, n in zip(parts, Batch._fields, strict=False)))
    _common_length(batch)
    return batch


def _rows(part: Any, rows: Any) -> Any:
    return None if part is None else map_structure(lambda a: np.asarray(a[rows]), part)


def _common_length(data: Batch) -> int:
    lengths: dict[str, int] = {}
    for part, name in zip(data, Batch._fields, strict=True):
        for i, array in enumerate(flatten(part)):
            if array is None:
                continue
            label = name if not isinstance(part, (list, tuple, dict)) else f"{name}[{i}]"
            if array.ndim == 0:
                raise ValueError(f"{label} is a single number; the first axis is the examples.")
            lengths[label] = len(array)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(
            f"The numbers of examples differ: {told}. Examples are rows: the first axis of every "
            f"array counts them.{examples_in_notation()}"
        )
    size = next(iter(lengths.values()), 0)
    if size == 0:
        raise ValueError("The data are empty: 0 examples. Check how they were loaded or selected.")
    return size


def warn_exhausted(step: int, expected: int) -> None:
    """Say that a generator ended before the steps it was asked for."""
    warnings.warn(
        f"The data ended after {step} of {expected} batches; training stops here. Make the "
        "generator endless, or ask for fewer steps_per_epoch × epochs.",
        stacklevel=4,
    )
