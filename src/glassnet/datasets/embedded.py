"""Reads the data files that are part of the package."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np


def read_images() -> tuple[np.ndarray, np.ndarray]:
    """Return the embedded digits: images ``(10000, 28, 28)`` and digits ``(10000,)``, uint8.

    They are sorted by digit.
    """
    path = files("glassnet.datasets").joinpath("data", "mnist10k.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return archive["x"], archive["y"]


def read_table(name: str) -> dict[str, list[str]]:
    """Return the columns of an embedded CSV file, as texts, by the names in its first line."""
    path = files("glassnet.datasets").joinpath("data", name)
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    return {
        title: list(column) for title, column in zip(header, zip(*rows, strict=True), strict=True)
    }


def encode(texts: list[str], categories: tuple[str, ...]) -> np.ndarray:
    """Return the place of each text among ``categories``, int64; they must all be there."""
    place = {category: i for i, category in enumerate(categories)}
    return np.array([place[text] for text in texts], np.int64)
