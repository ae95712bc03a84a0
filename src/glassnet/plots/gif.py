"""GIF animations, written a frame at a time: what moves, in one palette.

All frames share one palette, so no colour flickers, and each holds only the rectangle that changed,
in which what stayed is transparent. So files are small, and one frame is in memory at a time.

Source: CompuServe, "Graphics Interchange Format, version 89a", 1990.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np

_COLOURS = 255
_EXACT = 32
_PIXELS = 400_000  # about so many are looked at
_TRANSPARENT = 255  # the place in the palette after the colours
_UNKNOWN = 255


def _pillow(name: str) -> Any:
    return import_module(f"PIL.{name}")  # comes with Matplotlib


class Palette:
    """The colours that an animation uses: at most 255, chosen from some of its frames.

    Some are taken as they are: those named, and the 32 that cover most. Of the others two
    thirds are chosen by median cut over the pixels, for the large areas, and one third by median
    cut over the colours, for what is small and of a colour of its own.

    Args:
        samples: frames, (height, width, 3) of bytes.
        named: colours that must be there, as ``"#0072B2"``.

    Source: P. Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982.
    """

    def __init__(self, samples: Sequence[np.ndarray], named: Sequence[str] = ()) -> None:
        apart = max(
            1, round(float(np.sqrt(sum(frame[..., 0].size for frame in samples) / _PIXELS)))
        )
        joined = np.concatenate([frame[::apart, ::apart].reshape(-1, 3) for frame in samples])
        each = [np.unique(_packed(frame), return_counts=True) for frame in samples]
        present, place = np.unique(np.concatenate([c for c, _ in each]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([n for _, n in each]))
        often = present[np.argsort(-counts, kind="stable")[:_EXACT]]
        asked = np.array([int(colour.removeprefix("#"), 16) for colour in named], often.dtype)
        exact = _unpacked(np.unique(np.concatenate([often, asked])))
        left = _COLOURS - len(exact)
        wide, rare = _cut(joined, left - left // 3), _cut(_unpacked(present), left // 3)
        self.rgb = np.concatenate([exact, wide, rare]).astype(np.int32)
        self._nearest = np.full(1 << 24, _UNKNOWN, np.uint8)  # for every colour there is

    @property
    def colours(self) -> bytes:
        """Red, green and blue of 256 colours."""
        return self.rgb.astype(np.uint8).tobytes().ljust(3 * 256, b"\0")

    def indices(self, frame: np.ndarray) -> np.ndarray:
        """Return the place of the nearest colour for each pixel, (height, width)."""
        packed = _packed(frame)
        found = self._nearest[packed]
        if (found == _UNKNOWN).any():
            self._learn(np.unique(packed[found == _UNKNOWN]))
            found = self._nearest[packed]
        return found

    def _learn(self, packed: np.ndarray) -> None:
        for some in np.array_split(packed, len(packed) // 512 + 1):
            apart = _unpacked(some)[:, None].astype(np.int32) - self.rgb
            self._nearest[some] = (apart**2).sum(axis=-1).argmin(axis=1)

    def indexed(self, frame: np.ndarray) -> Any:
        """Return the frame as a Pillow image in these colours."""
        drawn = _pillow("Image").fromarray(self.indices(frame))
        drawn.putpalette(self.colours)
        return drawn


def _cut(colours: np.ndarray, count: int) -> np.ndarray:
    """At most so many colours that stand for (n, 3) of bytes, by median cut."""
    image = _pillow("Image")
    found = image.fromarray(colours[None]).quantize(
        count, method=image.Quantize.MEDIANCUT, dither=image.Dither.NONE
    )
    return np.array(found.getpalette("RGB"), np.uint8).reshape(-1, 3)[:count]


def _packed(frame: np.ndarray) -> np.ndarray:
    """Colours (…, 3) as whole numbers below 2²⁴."""
    red, green, blue = (frame[..., i].astype(np.int32) for i in range(3))
    packed: np.ndarray = (red << 16) | (green << 8) | blue
    return packed


def _unpacked(packed: np.ndarray) -> np.ndarray:
    return np.stack([packed >> 16, (packed >> 8) & 255, packed & 255], axis=-1).astype(np.uint8)


def gif_parts(
    frames: Iterable[np.ndarray], palette: Palette, fps: float, hold: float
) -> Iterator[bytes]:
    """Yield the bytes of a GIF that repeats for ever.

    Args:
        frames: pictures, (height, width, 3) of bytes, all of one size.
        palette: their colours.
        fps: frames a second.
        hold: for how many seconds the last frame is shown.
    """
    before: np.ndarray | None = None
    waiting: tuple[np.ndarray, tuple[int, int]] | None = None
    for frame in frames:
        now = palette.indices(frame)
        if before is None:
            height, width = now.shape
            yield b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + palette.colours
            yield b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"  # again and again
        if waiting is not None:
            yield _block(*waiting, 1 / fps)
        waiting, before = _changed(before, now), now
    if waiting is not None:
        yield _block(*waiting, max(hold, 1 / fps))
    yield b";"


def _changed(before: np.ndarray | None, now: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The rectangle that changed, with what stayed made transparent, and its upper left corner."""
    if before is None:
        return now, (0, 0)
    differ = before != now
    rows, columns = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
    if not len(rows):
        return np.full((1, 1), _TRANSPARENT, np.uint8), (0, 0)
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.where(differ[part], now[part], np.uint8(_TRANSPARENT)), (columns[0], rows[0])


def _block(indices: np.ndarray, corner: tuple[int, int], seconds: float) -> bytes:
    """One frame: how long it is shown, where it lies, its compressed pixels."""
    height, width = indices.shape
    # Shown on top of the frame before (disposal 1), with a transparent colour.
    control = b"!\xf9\x04" + struct.pack("<BHBB", 0x05, round(100 * seconds), _TRANSPARENT, 0)
    place = b"," + struct.pack("<HHHHB", int(corner[0]), int(corner[1]), width, height, 0)
    return control + place + _compressed(indices)


def _compressed(indices: np.ndarray) -> bytes:
    """The pixels by Lempel, Ziv and Welch: taken from a GIF of this one picture."""
    file = BytesIO()
    # Not optimized: the places in the palette stay as they are.
    _pillow("Image").fromarray(indices).save(file, "GIF", optimize=False, interlace=False)
    return _pixels(file.getvalue())


def _pixels(gif: bytes) -> bytes:
    """The compressed pixels in the bytes of a GIF of one frame."""
    flags = gif[10]
    place = 13 + (3 << (flags % 8 + 1) if flags & 0x80 else 0)
    while gif[place : place + 1] == b"!":
        place = _after_blocks(gif, place + 2)
    flags = gif[place + 9]
    place += 10 + (3 << (flags % 8 + 1) if flags & 0x80 else 0)
    return gif[place : _after_blocks(gif, place + 1)]


def _after_blocks(gif: bytes, place: int) -> int:
    """The place after a row of blocks, each led by its length, with an empty one as the last."""
    while gif[place]:
        place += gif[place] + 1
    return place + 1
