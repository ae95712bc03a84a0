"""Reads the data files that are part of the package."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

_DATA = Path(__file__).parent / "data"  # importlib.resources would double the import time


def read_images() -> tuple[np.ndarray, np.ndarray]:
    """Return the embedded digits: images ``(10000, 28, 28)`` and digits ``(10000,)``, uint8.

    They are sorted by digit.
    """
    with np.load(_DATA / "mnist10k.npz", allow_pickle=False) as archive:
        return archive["x"], archive["y"]


def read_table(name: str) -> dict[str, list[str]]:
    """Return the columns of an embedded CSV file, as texts, by the names in its first line."""
    header, *rows = csv.reader((_DATA / name).read_text(encoding="utf-8").splitlines())
    return {
        title: list(column) for title, column in zip(header, zip(*rows, strict=True), strict=True)
    }


def encode(texts: list[str], categories: tuple[str, ...]) -> np.ndarray:
    """Return the place of each text among ``categories``, int64; they must all be there."""
    place = {category: i for i, category in enumerate(categories)}
    return np.array([place[text] for text in texts], np.int64)
