"""Animations as MP4, by the program ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np

_PIECE = 1 << 20


def ffmpeg() -> str:
    """Return where the program ffmpeg is.

    Raises:
        FileNotFoundError: where it is not, with how to get it and what to write instead.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        # A package that brings the program with it, for those who can't install one.
        return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise FileNotFoundError(
            "MP4 is written by the program ffmpeg, which is not found. Install it (apt install "
            "ffmpeg, brew install ffmpeg, winget install ffmpeg, pip install imageio-ffmpeg), or "
            "let the file's name end in .gif or .html, which need no program."
        ) from None


def mp4_parts(frames: Iterable[np.ndarray], fps: float, hold: float) -> Iterator[bytes]:
    """Yield the bytes of a film.

    Args:
        frames: pictures, (height, width, 3) of bytes, all of one size.
        fps: frames a second.
        hold: for how many seconds the last frame is shown.

    Raises:
        RuntimeError: where ffmpeg fails, with what it says.
    """
    program = ffmpeg()
    with tempfile.TemporaryDirectory() as folder:
        path, told = Path(folder, "film.mp4"), Path(folder, "errors.txt")
        with told.open("wb") as errors:
            code = _encode(program, frames, fps, hold, path, errors)
        if code != 0 or not path.exists():
            lines = told.read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"ffmpeg failed ({code}): " + "\n".join(lines[-5:]))
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def _encode(
    program: str,
    frames: Iterable[np.ndarray],
    fps: float,
    hold: float,
    path: Path,
    errors: object,
) -> int:
    process: subprocess.Popen[bytes] | None = None
    frame: np.ndarray | None = None
    try:
        for frame in map(_even, frames):
            if process is None:
                command = _command(program, frame.shape, fps, path)
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors)  # type: ignore[call-overload]
            if not _write(process, frame):
                break
        if process is None or frame is None:
            raise ValueError("There is no frame to write.")
        for _ in range(round(hold * fps) - 1):
            if not _write(process, frame):
                break
    except BaseException:
        if process is not None:
            process.kill()
            process.communicate()
        raise
    process.communicate()
    return process.returncode


def _command(program: str, shape: tuple[int, ...], fps: float, path: Path) -> list[str]:
    return [
        program, "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[1]}x{shape[0]}", "-r", f"{fps:g}",
        "-i", "-", "-an", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path),
    ]  # fmt: skip


def _write(process: subprocess.Popen[bytes], frame: np.ndarray) -> bool:
    """Hand a frame over; tell whether it was taken."""
    assert process.stdin is not None
    try:
        process.stdin.write(frame.tobytes())
    except BrokenPipeError:  # it ended early, and its own message tells why
        return False
    return True


def _even(frame: np.ndarray) -> np.ndarray:
    """The frame with an even height and width, which the format asks for."""
    height, width = frame.shape[:2]
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    return np.pad(frame, padding, "edge") if height % 2 or width % 2 else frame
