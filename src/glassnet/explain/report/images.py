"""Small images as PNG within the page, one pixel a number: no other file, no other package.

Source of the format: ISO/IEC 15948:2004, "Portable Network Graphics".
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence

import numpy as np

from glassnet.explain.diagram.writing import clean

_SCALE = np.array(
    [(11, 47, 92), (63, 111, 159), (166, 166, 162), (226, 178, 116), (255, 241, 204)], float
)
"""From below 0 to above: dark blue, grey for 0, pale orange. Its lightness only grows, so the sign
is told in grey print and by colour-blind eyes too."""
_GAP = 1
"""Pixels between tiles that are joined to one image."""


def png(pixels: np.ndarray) -> bytes:
    """Return an image as PNG.

    Args:
        pixels: uint8, (height, width) grey, (height, width, 3) or (height, width, 4) with opacity.
    """
    high, wide = pixels.shape[:2]
    kind = {2: 0, 3: 2, 4: 6}[2 if pixels.ndim == 2 else pixels.shape[2]]
    rows = np.ascontiguousarray(pixels, np.uint8).reshape(high, -1)
    filtered = np.hstack([np.zeros((high, 1), np.uint8), rows])
    head = struct.pack(">IIBBBBB", wide, high, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", head), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b"")
        )
    )  # fmt: skip


def data_url(image: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return "data:image/png;base64," + b64encode(image).decode("ascii")


def tag(pixels: np.ndarray, alt: str, wide: float, kind: str = "") -> str:
    """Return an image of few pixels as an element, ``wide`` rem wide, each pixel a square."""
    high, across = pixels.shape[:2]
    of_kind = clean(f"pixels {kind}".strip())
    return (
        f'<img class="{of_kind}" src="{data_url(png(pixels))}" alt="{clean(alt)}" '
        f'width="{across}" height="{high}" style="width:{wide:g}rem">'
    )


# --- numbers to pixels ------------------------------------------------------------------------
def as_seen(images: np.ndarray) -> np.ndarray:
    """Return images as pixels: 0 to 1 or 0 to 255 as they are meant, others from least to most."""
    values = images.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    return _bytes((values - low) / ((high - low) or 1.0) * 255)


def signed(values: np.ndarray, reach: float) -> np.ndarray:
    """Return numbers from -reach to reach as colours, (…, 3): grey is 0."""
    place = np.clip(np.nan_to_num(values) / (reach or 1.0), -1, 1)
    stops = np.linspace(-1, 1, len(_SCALE))
    return _bytes(np.stack([np.interp(place, stops, _SCALE[:, i]) for i in range(3)], axis=-1))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.nan_to_num(values)), 0, 255).astype(np.uint8)


def joined(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Return tiles of one size, uint8, as one image with opacity; between them is nothing."""
    high, wide = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * (high + _GAP) - _GAP, columns * (wide + _GAP) - _GAP, 4), np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (high + _GAP) * (number // columns), (wide + _GAP) * (number % columns)
        colour = tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=2)
        sheet[top : top + high, left : left + wide, :3] = colour[..., :3]
        sheet[top : top + high, left : left + wide, 3] = 255
    return sheet
