"""An animation as one HTML page that is scrubbed to and fro; it needs no network."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from io import BytesIO

import numpy as np

from glassnet.plots.figures import Theme
from glassnet.plots.gif import Palette

_STYLE = """
:root { color-scheme: %(name)s; }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: %(background)s; color: %(ink)s;
  font: 1rem/1.4 system-ui, sans-serif; }
main { max-width: %(width)dpx; margin: 0 auto; }
h1 { font-size: 1.1rem; font-weight: 600; margin: 0 0 .5rem; }
figure { margin: 0; }
img { display: block; width: 100%%; height: auto; }
figcaption { margin: .25rem 0 .5rem; font-variant-numeric: tabular-nums; min-height: 1.4em; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
button, select { font: inherit; color: inherit; background: transparent; cursor: pointer;
  border: 1px solid %(muted)s; border-radius: .3rem; padding: .35rem .7rem; min-height: 2.5rem; }
select option { background: %(background)s; color: %(ink)s; }
button { min-width: 5.2rem; }
input { flex: 1 1 10rem; min-width: 0; min-height: 2.5rem; accent-color: %(accent)s; }
:focus-visible { outline: 3px solid %(accent)s; outline-offset: 2px; }
.keys { color: %(muted)s; font-size: .85rem; margin: .5rem 0 0; }
@media print { .controls, .keys { display: none; } }
"""

_BODY = """</style>
</head>
<body>
<main>
<h1>%(title)s</h1>
<figure>
<img id="picture" width="%(across)d" height="%(down)d" alt="">
<figcaption id="caption"></figcaption>
</figure>
<div class="controls" role="group" aria-label="Animation">
<button id="play" type="button">Play</button>
<input id="place" type="range" min="0" max="%(last)d" value="0" step="1"
  aria-label="Moment of the training">
<select id="speed" aria-label="Speed"><option value="0.25">¼ ×</option>
<option value="0.5">½ ×</option><option value="1" selected>1 ×</option>
<option value="2">2 ×</option><option value="4">4 ×</option></select>
</div>
<p class="keys">Space plays and pauses; the arrow keys go a frame to and fro, Home and End to the
first and the last.</p>
<noscript><p>The animation needs JavaScript, which is switched off.</p></noscript>
</main>
<script>
"use strict";
const labels = %(labels)s;
const seen = %(seen)s;
const fps = %(fps)s;
const frames = [
"""

_SCRIPT = """];
const picture = document.getElementById("picture");
const caption = document.getElementById("caption");
const play = document.getElementById("play");
const place = document.getElementById("place");
const speed = document.getElementById("speed");
const last = frames.length - 1;
let timer = null;
function show(i) {
  i = Math.max(0, Math.min(last, i));
  picture.src = "data:image/png;base64," + frames[i];
  picture.alt = seen + ": " + labels[i];
  caption.textContent = labels[i];
  place.value = i;
  place.setAttribute("aria-valuetext", labels[i]);
}
function at() { return Number(place.value); }
function stop() {
  clearTimeout(timer);
  timer = null;
  play.textContent = "Play";
}
function go() {
  timer = setTimeout(() => {
    if (at() >= last) { stop(); return; }
    show(at() + 1);
    go();
  }, 1000 / (fps * Number(speed.value)));
}
function start() {
  if (at() >= last) show(0);
  play.textContent = "Pause";
  go();
}
function toggle() { if (timer === null) start(); else stop(); }
play.addEventListener("click", toggle);
place.addEventListener("input", () => { stop(); show(at()); });
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === speed) return;
  const moves = { ArrowLeft: at() - 1, ArrowRight: at() + 1, Home: 0, End: last };
  if (event.key === " ") { if (event.target === play) return; toggle(); }
  else if (event.key in moves) { stop(); show(moves[event.key]); }
  else return;
  event.preventDefault();
});
show(0);
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
</script>
</body>
</html>
"""


def page_parts(
    frames: Iterable[np.ndarray],
    palette: Palette,
    labels: Sequence[str],
    *,
    title: str,
    seen: str,
    fps: float,
    width: int,
    theme: Theme,
) -> Iterator[bytes]:
    """Yield the bytes of the page.

    Args:
        frames: pictures, (height, width, 3) of bytes, all of one size.
        palette: their colours.
        labels: a caption for each.
        title: the heading.
        seen: what the pictures show, for those who don't see them.
        fps: frames a second.
        width: how wide the pictures are shown, in CSS pixels.
        theme: the colours of the page.
    """
    first = True
    for frame in frames:
        if first:
            head = _head(frame.shape, labels, title, seen, fps, width, theme)
            yield head.encode()
            first = False
        yield b'"' + b64encode(_png(frame, palette)) + b'",\n'
    yield _SCRIPT.encode()


def _head(
    shape: tuple[int, ...],
    labels: Sequence[str],
    title: str,
    seen: str,
    fps: float,
    width: int,
    theme: Theme,
) -> str:
    look = {**vars(theme), "accent": theme.colour(1), "width": width}
    filled = {
        "title": escape(title),
        "across": shape[1],
        "down": shape[0],
        "last": len(labels) - 1,
        "labels": _script_text(list(labels)),
        "seen": _script_text(seen),
        "fps": json.dumps(fps),
    }
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE % look}{_BODY % filled}"
    )


def _script_text(value: object) -> str:
    """JSON that no HTML parser takes for the end of the script."""
    return json.dumps(value).replace("<", "\\u003c")


def _png(frame: np.ndarray, palette: Palette) -> bytes:
    file = BytesIO()
    palette.indexed(frame).save(file, "PNG", optimize=True)
    return file.getvalue()
