"""Fashion-MNIST: pictures of clothes, 28×28 grey values, in the shape of MNIST. Fetched.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", arXiv:1708.07747 (2017). MIT licence, © Zalando SE.
"""

from __future__ import annotations

from glassnet.datasets.download import ImageSet
from glassnet.datasets.splitting import Split

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The names of the classes, by label."""

FULL = ImageSet(
    title="Fashion-MNIST",
    folder="fashion-mnist",
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    hashes={
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
    sizes=(60_000, 10_000),
)
"""Where the set comes from."""


def load_data() -> Split:
    """Return Fashion-MNIST as ``((x_train, y_train), (x_test, y_test))``; fetched once, 30.9 MB.

    The four files are checked by SHA-256 and kept in the user's cache folder, or in
    ``GLASSNET_CACHE``.

    Returns:
        Images, uint8 ``(60000, 28, 28)`` and ``(10000, 28, 28)``, 0 for the background to 255,
        and labels, uint8 ``(60000,)`` and ``(10000,)``, whose names are ``CLASSES``.

    Raises:
        DatasetUnavailable: where it can't be had; the message says why and what to do.

    Example:
        >>> from glassnet.datasets import fashion_mnist
        >>> fashion_mnist.CLASSES[9]
        'Ankle boot'
        >>> (x_train, y_train), test = fashion_mnist.load_data()  # doctest: +SKIP
    """
    return FULL.load()
