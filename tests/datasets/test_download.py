"""Fetching, against a server on this machine: mirrors, hashes, cache, and what goes wrong."""

import gzip
import hashlib
import http.server
import pathlib
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest

from glassnet.datasets import DatasetUnavailable, fashion_mnist, mnist
from glassnet.datasets.download import ImageSet, cache_folder

NAMES = tuple(mnist.FULL.hashes)
PIXELS = {name: (3 if name.startswith("train") else 2) for name in NAMES}


def contents():
    """Four small IDX files: 3 images to train on, 2 to test on."""
    random = np.random.RandomState(0)
    files = {}
    for name, count in PIXELS.items():
        if "images" in name:
            head = b"\0\0\x08\x03" + struct.pack(">3I", count, 28, 28)
            body = random.randint(0, 256, count * 784).astype(np.uint8).tobytes()
        else:
            head, body = b"\0\0\x08\x01" + struct.pack(">I", count), bytes(range(count))
        files[name] = gzip.compress(head + body, mtime=0)
    return files


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; counts requests; breaks off in the middle of what lies in broken/."""

    def log_message(self, *_):
        self.server.requests.append(self.path)

    def do_GET(self):
        if not self.path.startswith("/broken/"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.log_request()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GLASSNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    root = tmp_path / "www"
    for folder in ("good", "wrong", "empty"):
        (root / folder).mkdir(parents=True)
    for name, content in contents().items():
        (root / "good" / name).write_bytes(content)
        (root / "wrong" / name).write_bytes(content + b"!")

    def handler(*args):
        return Handler(*args, directory=str(root))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests = []
        server.address = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def image_set(server, *mirrors, **changes):
    hashes = {name: hashlib.sha256(c).hexdigest() for name, c in contents().items()}
    settings = {
        "title": "Small digits",
        "folder": "small",
        "mirrors": tuple(m if "//" in m else server.address + m + "/" for m in mirrors),
        "hashes": hashes,
        "sizes": (3, 2),
    }
    return ImageSet(**(settings | changes))


def test_fetches_once_and_keeps(server):
    small = image_set(server, "good")
    (x_train, y_train), (x_test, y_test) = small.load()
    assert x_train.shape == (3, 28, 28)
    assert x_test.shape == (2, 28, 28)
    raw = gzip.decompress(contents()["t10k-images-idx3-ubyte.gz"])
    assert x_test.tobytes() == raw[16:]
    assert (y_train.tolist(), y_test.tolist()) == ([0, 1, 2], [0, 1])
    assert len(server.requests) == 4
    again = small.load()
    assert len(server.requests) == 4
    assert np.array_equal(again[0][0], x_train)
    assert sorted(p.name for p in (cache_folder() / "small").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("bad", ["wrong", "empty", "broken", "http://127.0.0.1:9/"])
def test_the_next_mirror_serves_where_one_fails(server, bad):
    (x_train, _), _ = image_set(server, bad, "good").load()
    assert x_train.shape == (3, 28, 28)


@pytest.mark.parametrize(
    ("mirror", "reason"),
    [
        ("wrong", "another file came: its SHA-256 is wrong"),
        ("empty", "the server answers 404 File not found"),
        ("broken", "the connection broke off"),
        ("http://127.0.0.1:9/", "no connection"),
    ],
)
def test_a_failure_says_why_and_what_to_do(server, mirror, reason):
    small = image_set(server, mirror, advice="Or take the embedded ones.")
    with pytest.raises(DatasetUnavailable) as caught:
        small.load()
    message = str(caught.value)
    first = next(iter(small.hashes))
    assert message.startswith(f"Small digits could not be fetched: {first} is in none")
    assert f"{small.mirrors[0]}{first}: {reason}" in message
    assert str(cache_folder() / "small") in message
    assert "GLASSNET_CACHE" in message
    assert all(f"{name}  SHA-256 {h}" in message for name, h in small.hashes.items())
    assert message.endswith("Or take the embedded ones.")
    assert caught.value.__cause__ is not None
    assert list((cache_folder() / "small").iterdir()) == []  # nothing, and no half file


def test_files_put_there_by_hand_are_taken(server):
    folder = cache_folder() / "small"
    folder.mkdir(parents=True)
    for name, content in contents().items():
        (folder / name).write_bytes(content)
    (_, y_train), _ = image_set(server).load()
    assert y_train.tolist() == [0, 1, 2]
    assert server.requests == []


def test_a_damaged_file_in_the_cache_is_fetched_anew_or_named(server):
    target = cache_folder() / "small" / NAMES[0]
    target.parent.mkdir(parents=True)
    target.write_bytes(b"damaged")
    with pytest.raises(DatasetUnavailable, match="its SHA-256 is wrong, so it was not used"):
        image_set(server, "empty").load()
    image_set(server, "good").load()
    assert target.read_bytes() == contents()[NAMES[0]]


def test_a_cache_that_is_no_folder_is_named(server, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DatasetUnavailable, match=r"cache.*: (Not a directory|File exists)"):
        image_set(server, "good").load()
    assert server.requests == []


def test_a_set_of_the_wrong_size_is_refused(server):
    with pytest.raises(DatasetUnavailable, match=r"uint8 of shape \(3, 28, 28\); expected .*\(4,"):
        image_set(server, "good", sizes=(4, 2)).load()


def test_a_file_of_the_right_hash_that_is_no_idx_file_is_refused(server):
    folder = cache_folder() / "small"
    folder.mkdir(parents=True)
    (folder / NAMES[0]).write_bytes(b"no idx file")
    hashes = image_set(server).hashes | {NAMES[0]: hashlib.sha256(b"no idx file").hexdigest()}
    with pytest.raises(DatasetUnavailable, match=r"Small digits: .*two zero bytes"):
        image_set(server, "good", hashes=hashes).load()


def test_mnist_full_and_fashion_mnist_fetch(server, monkeypatch):
    small = image_set(server, "good")
    monkeypatch.setattr(mnist, "FULL", small)
    monkeypatch.setattr(fashion_mnist, "FULL", small)
    assert mnist.load_data(full=True)[0][0].shape == (3, 28, 28)
    assert fashion_mnist.load_data()[1][0].shape == (2, 28, 28)


def test_mnist_full_reads_an_archive_of_keras(server, monkeypatch):
    path = cache_folder() / "mnist.npz"
    path.parent.mkdir(parents=True)
    arrays = {
        "x_train": np.zeros((3, 28, 28), np.uint8),
        "y_train": np.arange(3, dtype=np.uint8),
        "x_test": np.ones((2, 28, 28), np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
    }
    np.savez(path, **arrays)
    with pytest.raises(DatasetUnavailable, match=r"is not the mnist\.npz that Keras fetches"):
        mnist.load_data(full=True)
    monkeypatch.setattr(mnist, "_KERAS_ARCHIVE", hashlib.sha256(path.read_bytes()).hexdigest())
    (x_train, y_train), (x_test, y_test) = mnist.load_data(full=True)
    for name, array in (("x_train", x_train), ("y_train", y_train)):
        assert np.array_equal(array, arrays[name])
    for name, array in (("x_test", x_test), ("y_test", y_test)):
        assert np.array_equal(array, arrays[name])
    elsewhere = path.rename(path.with_name("elsewhere.npz"))
    assert mnist.load_data(elsewhere, full=True)[1][0].max() == 1
    assert server.requests == []


@pytest.mark.parametrize("published", [mnist.FULL, fashion_mnist.FULL])
def test_the_published_sets_are_described_soundly(published):
    assert len(published.hashes) == 4
    assert all(len(bytes.fromhex(digest)) == 32 for digest in published.hashes.values())
    assert all(mirror.startswith("http") and mirror[-1] == "/" for mirror in published.mirrors)
    assert published.sizes == (60_000, 10_000)


def test_the_cache_is_the_users_unless_named(monkeypatch):
    monkeypatch.delenv("GLASSNET_CACHE", raising=False)
    assert cache_folder().is_absolute()
    assert "glassnet" in cache_folder().parts
    monkeypatch.setenv("GLASSNET_CACHE", "~/kept")
    assert cache_folder() == pathlib.Path.home() / "kept"


def test_what_downloads_is_imported_only_to_download():
    # requests alone would take more of the import than the library may have.
    code = "import sys, glassnet.datasets; print({'pooch', 'requests'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
