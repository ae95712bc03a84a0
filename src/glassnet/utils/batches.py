"""Batches of one's own: read, made or augmented as they are asked for."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """Batches by number, for ``fit``, ``evaluate`` and ``predict``.

    A subclass gives the batch of a number in ``__getitem__``, as ``(x, y)`` or
    ``(x, y, sample_weight)``, and the number of batches in ``__len__`` (or ``num_batches``, where
    None says that there is no end). With ``shuffle=True``, fit takes the batches in a new order
    in every epoch, unless there is no end.

    Args:
        workers, use_multiprocessing, max_queue_size: accepted for Keras's sake; batches are
            asked for one after the other, in the thread that trains.

    >>> import numpy as np, glassnet as gn
    >>> class Squares(gn.utils.PyDataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         x = np.arange(2.0)[:, None] + index
    ...         return x, x**2
    >>> model = gn.Sequential([gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> len(model.fit(Squares(), epochs=2, verbose=0).history["loss"])
    2
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return the batch of that number."""
        raise NotImplementedError(
            f"{type(self).__name__} does not give batches. Write\n"
            "    def __getitem__(self, index):\n        return x, y"
        )

    def __len__(self) -> int:
        """Return the number of batches."""
        raise TypeError(
            f"{type(self).__name__} does not tell how many batches there are. Write\n"
            "    def __len__(self):\n        return ..."
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch; None for no end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Do what is needed before an epoch."""

    def on_epoch_end(self) -> None:
        """Do what is needed after an epoch, say put the examples in a new order."""
