"""Fetches published files: several mirrors, a known SHA-256, a cache, one clear error.

A file in the cache is taken as it is when its SHA-256 is right, so files put there by hand serve
as well. A download goes to a temporary file in the same folder, is checked, then renamed: the
cache never holds half a file.

pooch, requests and platformdirs are imported inside the functions: most programs never download,
and ``import glassnet`` would take half as long again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glassnet.datasets.idx import IdxError, read_idx
from glassnet.datasets.splitting import Part, Split

TIMEOUT = 30.0
"""Seconds without an answer after which the next mirror is tried."""


class DatasetUnavailable(RuntimeError):
    """A dataset could not be fetched; the message says why and what to do."""


@dataclass(frozen=True)
class ImageSet:
    """A published set of labelled images, as four IDX files.

    Attributes:
        title: what messages call it.
        folder: its folder inside the cache.
        mirrors: addresses of folders that hold the files, each ending in "/", in the order in
            which they are tried.
        hashes: the SHA-256 of each file, by name: training images and labels, test images and
            labels.
        sizes: the numbers of training and test images.
        advice: what works without a network, for the message of a failure.
    """

    title: str
    folder: str
    mirrors: tuple[str, ...]
    hashes: dict[str, str]
    sizes: tuple[int, int]
    advice: str = ""

    def load(self) -> Split:
        """Return ``((x_train, y_train), (x_test, y_test))``, fetched where not cached.

        Raises:
            DatasetUnavailable: where a file can't be had, or is not what it should be.
        """
        images, labels, test_images, test_labels = (self._fetch(name) for name in self.hashes)
        train, test = self.sizes
        return self._part(images, labels, train), self._part(test_images, test_labels, test)

    def _part(self, images: Path, labels: Path, size: int) -> Part:
        try:
            x, y = read_idx(images), read_idx(labels)
        except (IdxError, OSError) as error:
            raise DatasetUnavailable(f"{self.title}: {error}") from error
        for path, array, shape in ((images, x, (size, 28, 28)), (labels, y, (size,))):
            if array.shape != shape or array.dtype != np.uint8:
                raise DatasetUnavailable(
                    f"{self.title}: {path} holds {array.dtype} of shape {array.shape}; expected "
                    f"uint8 of shape {shape}."
                )
        return x, y

    def _fetch(self, name: str) -> Path:
        """Return where the file ``name`` lies in the cache, fetching it where it does not."""
        target, digest = cache_folder() / self.folder / name, self.hashes[name]
        failures: list[str] = []
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                if has_hash(target, digest):
                    return target
                failures.append(f"{target}: its SHA-256 is wrong, so it was not used")
        except OSError as error:
            failures.append(f"{error.filename}: {error.strerror}")
            raise self._unavailable(target, failures) from error
        cause: Exception | None = None
        for mirror in self.mirrors:
            try:
                return _download(mirror + name, target, digest)
            except (OSError, ValueError) as error:
                failures.append(f"{mirror}{name}: {_reason(error)}")
                cause = error
        raise self._unavailable(target, failures) from cause

    def _unavailable(self, target: Path, failures: list[str]) -> DatasetUnavailable:
        lines = [
            f"{self.title} could not be fetched: {target.name} is in none of the places tried.",
            *(f"  - {failure}" for failure in failures),
            "What to do: check the connection (behind a proxy, set HTTPS_PROXY) and call again; "
            f"or put these files into {target.parent} by hand (the environment variable "
            "GLASSNET_CACHE moves the cache):",
            *(f"  {file}  SHA-256 {digest}" for file, digest in self.hashes.items()),
            *([self.advice] if self.advice else []),
        ]
        return DatasetUnavailable("\n".join(lines))


def _download(address: str, target: Path, sha256: str) -> Path:
    import pooch  # type: ignore[import-untyped]

    pooch.retrieve(address, f"sha256:{sha256}", target.name, target.parent, downloader=_stream)
    return target


def _stream(address: str, path: str, _: object) -> None:
    """Write what is at ``address`` into the file at ``path``, as a downloader of pooch.

    pooch's own leaves the connection open where the server refuses.
    """
    import requests

    # The file itself is wanted, compressed as it was published, since its hash is known.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        with open(path, "wb") as file:
            for chunk in response.iter_content(1 << 16):
                file.write(chunk)


def cache_folder() -> Path:
    """Return where fetched files are kept: ``GLASSNET_CACHE``, else the user's cache folder.

    >>> import os
    >>> os.environ["GLASSNET_CACHE"] = "kept/here"
    >>> cache_folder().parts
    ('kept', 'here')
    >>> del os.environ["GLASSNET_CACHE"]
    """
    import platformdirs

    chosen = os.environ.get("GLASSNET_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("glassnet")).expanduser()


def has_hash(path: Path, sha256: str) -> bool:
    """Tell whether the file at ``path`` has this SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _reason(error: Exception) -> str:
    """Return in a few words why a download failed; the whole error is kept as the cause."""
    import requests.exceptions as failures

    if isinstance(error, failures.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, failures.Timeout):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(error, failures.ProxyError):
        return "the proxy refuses or does not answer"
    if isinstance(error, failures.SSLError):
        return "the certificate of the server is not trusted here"
    if isinstance(error, failures.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, failures.ConnectionError):
        return "no connection"
    if isinstance(error, ValueError) and "hash" in str(error):
        return "another file came: its SHA-256 is wrong"
    return f"{type(error).__name__}: {error}"
