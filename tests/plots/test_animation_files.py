"""Animations as files: GIF, HTML and MP4 are read back, frame by frame."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recorded_xor import HEIGHT, SMALL, WIDTH, filled, pictures, xor

from glassnet.plots import animate
from glassnet.plots.gif import Palette, gif_parts


# --- GIF --------------------------------------------------------------------------------------
def test_a_gif_holds_every_frame_in_its_colours(tmp_path: Path) -> None:
    _, recorder = xor(5)
    path = animate(recorder, tmp_path / "run.gif", filled, **SMALL)
    frames = pictures(path)
    assert len(frames) == len(recorder) == 6
    for epoch, frame in enumerate(frames):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        assert (frame == (40 * epoch, 0, 51)).all()


def test_only_what_moves_is_written_and_all_is_read_back() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    frames = [colours[rng.integers(0, 200, (30, 40))]]
    for _ in range(6):
        frame = frames[-1].copy()
        row, column = rng.integers(0, 20, 2)
        frame[row : row + 8, column : column + 9] = colours[rng.integers(0, 200, (8, 9))]
        frames += [frame, frame]  # and one in which nothing moves
    data = b"".join(gif_parts(frames, Palette(frames), 10, 2.0))
    found = Image.open(BytesIO(data))
    assert getattr(found, "n_frames", 0) == len(frames)
    assert found.info["loop"] == 0
    palette = Palette(frames)
    worst = 0
    for i, frame in enumerate(frames):
        found.seek(i)
        assert found.info["duration"] == (2000 if i == len(frames) - 1 else 100)
        nearest = palette.rgb[palette.indices(frame)]
        worst = max(worst, int(np.abs(np.asarray(found.convert("RGB")) - nearest).max()))
    assert worst == 0
    assert len(data) < 5500  # the first frame and 72 pixels for each that moved


def test_the_palette_takes_the_nearest_colour() -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    frame[:20] = (250, 251, 252)
    palette = Palette([frame], ["#0072B2"])
    table = palette.rgb
    assert len(table) <= 255
    assert (table == (250, 251, 252)).all(axis=1).any()
    assert (table == (0x00, 0x72, 0xB2)).all(axis=1).any()
    indices = palette.indices(frame)
    for row, column in ((0, 0), (25, 3), (39, 49), (30, 20)):
        apart = [sum((int(a) - int(b)) ** 2 for a, b in zip(frame[row, column], c, strict=True))
                 for c in table]  # fmt: skip
        assert apart[indices[row, column]] == min(apart)


def test_frames_a_second(tmp_path: Path) -> None:
    _, recorder = xor(2)
    path = animate(recorder, tmp_path / "a.gif", filled, fps=4, hold=0.0, **SMALL)
    with Image.open(path) as found:
        assert found.info["duration"] == 250


# --- HTML -------------------------------------------------------------------------------------
class Page(HTMLParser):
    """What a page holds: its tags with attributes, its script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.script = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.script += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def value(script: str, name: str) -> Any:
    found = re.search(rf"const {name} = (.*?);\n", script)
    assert found is not None
    return json.loads(found[1])


def test_a_page_holds_every_frame_and_its_caption(tmp_path: Path) -> None:
    _, recorder = xor(5)
    path = animate(recorder, tmp_path / "run.html", filled, title="</script> & more", **SMALL)
    text = path.read_text()
    page = Page(text)
    frames = re.findall(r'^"([A-Za-z0-9+/=]+)",$', page.script, re.MULTILINE)
    assert len(frames) == 6
    for epoch, frame in enumerate(frames):
        pixels = np.asarray(Image.open(BytesIO(base64.b64decode(frame))).convert("RGB"))
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert (pixels == (40 * epoch, 0, 51)).all()
    assert value(page.script, "labels") == recorder.labels
    assert value(page.script, "seen") == "filled"
    assert value(page.script, "fps") == 12
    assert "&lt;/script&gt; &amp; more</h1>" in text
    slider = next(attrs for tag, attrs in page.tags if tag == "input")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "5")
    assert slider["aria-label"]


def test_a_page_asks_for_nothing_and_heeds_who_wants_no_motion(tmp_path: Path) -> None:
    _, recorder = xor(2)
    text = animate(recorder, tmp_path / "a.html", filled, theme="dark", **SMALL).read_text()
    page = Page(text)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [attrs for _, attrs in page.tags if {"src", "href"} & set(attrs)]
    assert "http" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "prefers-reduced-motion" in page.script
    assert "color-scheme: dark" in text
    assert {"lang": "en"} in [attrs for tag, attrs in page.tags if tag == "html"]


# --- MP4 --------------------------------------------------------------------------------------
FAKE = """#!{python}
import sys
data = sys.stdin.buffer.read()
open({told!r}, "w").write(repr((sys.argv[1:], len(data), data[0], data[-1])))
open(sys.argv[-1], "wb").write(b"film")
"""


def with_program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_ffmpeg_gets_every_frame_in_even_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.txt"
    with_program(tmp_path, FAKE.format(python=sys.executable, told=str(told)), monkeypatch)
    _, recorder = xor(5)
    size: dict[str, Any] = {"size": (2.025, 1.525), "dpi": 40}
    path = animate(recorder, tmp_path / "run.mp4", filled, fps=10, hold=0.5, **size)
    assert path.read_bytes() == b"film"
    arguments, length, first, last = eval(told.read_text())
    given = dict(pairwise(arguments))
    assert given["-s"] == "82x62"
    assert given["-pix_fmt"] in ("rgb24", "yuv420p")
    assert given["-r"] == "10"
    assert length == (6 + 4) * 82 * 62 * 3  # the last frame stays for half a second
    assert (first, last) == (0, 51)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_where_ffmpeg_fails_its_words_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"#!{sys.executable}\nimport sys\nprint('no such codec', file=sys.stderr)\nsys.exit(3)\n"
    with_program(tmp_path, text, monkeypatch)
    _, recorder = xor(2)
    with pytest.raises(RuntimeError, match=r"ffmpeg failed \(3\): no such codec"):
        animate(recorder, tmp_path / "run.mp4", filled, **SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin"]


def test_without_ffmpeg_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    _, recorder = xor(1)
    drawn: list[int] = []
    with pytest.raises(FileNotFoundError, match=r"Install it .*\.gif or \.html"):
        animate(recorder, tmp_path / "a.mp4", lambda *_: drawn.append(1), **SMALL)
    assert drawn == []
