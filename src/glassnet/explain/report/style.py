"""The style sheet of a report: light and dark, wide and narrow, screen and paper."""

from __future__ import annotations

from glassnet.explain.render.style import style_sheet

_LIGHT = (
    "--ground: #fdfdfb; --ink: #1d1f23; --soft: #565d68; --line: #dadcd8; --tint: #f3f4f0; "
    "--right: #56a0d3; --wrong: #f0a35e; --well: #00735a; --link: #0063a0;"
)
_DARK = (
    "--ground: #17191c; --ink: #dcdfe4; --soft: #a6adb8; --line: #363a41; --tint: #202327; "
    "--right: #2b6a99; --wrong: #b8641f; --well: #2fc79b; --link: #7cc0ee;"
)
_RULES = """\
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: break-word;
  font: 1.0625rem/1.55 Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype",
    Palatino, Georgia, serif; }
header, main, footer { max-width: 54rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
footer { padding-top: 1rem; padding-bottom: 3rem; color: var(--soft); font-size: .9rem; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; font-weight: 600; text-wrap: balance;
  break-after: avoid; }
h1 { font-size: 2rem; margin: .25rem 0 .75rem; }
h2 { font-size: 1.4rem; margin: 3rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2.25rem 0 .6rem; }
p { margin: .75rem 0; max-width: 42rem; }
a { color: var(--link); text-underline-offset: .2em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre { font: .86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono",
  monospace; }
pre { overflow-x: auto; margin: .75rem 0; padding: .8rem 1rem; background: var(--tint);
  border-radius: 4px; font-size: .82rem; tab-size: 4; }
pre code { font: inherit; }
td code, dd code { overflow-wrap: anywhere; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; padding: .5rem; background: var(--ground); z-index: 1; }
.kind { margin: 0; color: var(--soft); font-size: .95rem; }
.lead { font-size: 1.15rem; margin: 0 0 1.5rem; }
.soft, figcaption, caption, .note { color: var(--soft); }
.note { font-size: .95rem; border-left: 3px solid var(--line); padding-left: .8rem; }
.verdict { font-size: 1.1rem; font-weight: 600; }
.verdict.well { color: var(--well); }
.verdict.well::before { content: "✓ "; }

dl.keys { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1px;
  margin: 1.5rem 0; border: 1px solid var(--line); border-radius: 6px;
  overflow: hidden; }
dl.keys div { box-shadow: 0 0 0 1px var(--line); padding: .7rem .9rem; display: flex;
  flex-direction: column-reverse; justify-content: flex-end; }
dl.keys dt { color: var(--soft); font-size: .85rem; line-height: 1.3; }
dl.keys dd { margin: 0; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
nav ol { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap;
  gap: .2rem 1.2rem; }
nav a { display: inline-block; padding: .2rem 0; }

figure { margin: 1.25rem 0; break-inside: avoid; }
figcaption { font-size: .92rem; line-height: 1.4; margin-top: .4rem; max-width: 42rem; }
figure img { display: block; width: 100%; height: auto; border-radius: 4px; }
figure svg { display: block; }
img.pixels { width: auto; max-width: 100%; height: auto; border-radius: 0 !important;
  image-rendering: pixelated; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr));
  gap: .5rem 2rem; margin: 1rem 0; }
.beside figure { margin: .5rem 0; min-width: 0; }
.beside svg { width: 100%; max-width: 25rem !important; min-width: 0 !important; }
.scroll { overflow-x: auto; margin: 1rem 0; }
ul.tiles { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: 1.1rem 1rem;
  grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); }
ul.tiles li { break-inside: avoid; font-size: .88rem; line-height: 1.35; }
ul.tiles p { margin: .35rem 0 0; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: .5rem 2.5rem; }
.maps figure { margin: .5rem 0; }

table { border-collapse: collapse; font-size: .92rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; margin: 1rem 0; }
.scroll table { margin: 0; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: baseline; padding: .35rem 1.2rem .35rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
tbody th { font-weight: inherit; }
table.facts tbody th { color: var(--soft); }
table.pairs { width: 100%; table-layout: auto; }
table.pairs th { width: 11rem; }
table.pairs td { padding-right: 0; }
thead th { border-bottom: 1.5px solid currentColor; vertical-align: bottom; }
table.numbers td, table.numbers thead th:not(:first-child) { text-align: right; }
table.numbers th:last-child, table.numbers td:last-child { padding-right: 0; }
tr { break-inside: avoid; }
table.confusion { border-spacing: 2px; border-collapse: separate; }
table.confusion th, table.confusion td { border: 0; padding: .4rem .3rem; text-align: center;
  min-width: 2.6rem; }
table.confusion tbody th, table.confusion thead th:first-child { text-align: left;
  padding-left: 0; min-width: 0; }
table.confusion .end { color: var(--soft); white-space: nowrap; text-align: right;
  padding-left: .7rem; }
table.confusion td.right { background: color-mix(in srgb, var(--right) var(--share), var(--tint));
  font-weight: 600; }
table.confusion td.wrong { background: color-mix(in srgb, var(--wrong) calc(15% + var(--share)),
  var(--tint)); }
table.confusion td.none { color: var(--soft); background: var(--tint); }

details { margin: .75rem 0; }
details[open] { border-left: 3px solid var(--line); padding-left: .8rem; }
details[open] > summary { margin-left: -.8rem; }
summary { cursor: pointer; padding: .45rem 0; color: var(--link); width: fit-content; }
ul.columns { columns: 15rem; margin: 0 0 1rem; padding-left: 1.2rem; font-size: .95rem; }
ul.equations { list-style: none; margin: .5rem 0; padding: 0; overflow-x: auto;
  overflow-y: hidden; }
ul.equations li { padding: .3rem 0; }
ul.equations math { text-align: left; width: max-content; }
math { font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", "Noto Sans Math", math; }
.glassnet-document.glassnet-document { max-width: 42rem; }

@media (max-width: 36rem) {
  body { font-size: 1rem; }
  header, main, footer { padding-left: 1rem; padding-right: 1rem; }
  h1 { font-size: 1.6rem; }
  dl.keys { grid-template-columns: 1fr 1fr; }
  nav a { padding: .35rem 0; }
  table.confusion.many { font-size: .78rem; }
  table.confusion.many th, table.confusion.many td { min-width: 1.75rem; padding: .35rem .1rem; }
  table.pairs th { width: 7rem; }
  th, td { padding-right: .8rem; }
  ul.tiles { grid-template-columns: 1fr 1fr; }
  .scroll > picture img, .scroll > img { width: 40rem; max-width: none !important; }
  .scroll table { font-size: .86rem; }
}
@media print {
  :root { LIGHT --ground: #fff; --ink: #000; }
  html { font-size: 10pt; }
  body { font-size: 1rem; }
  table, .scroll { break-inside: avoid; }
  details table, details .scroll { break-inside: auto; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  header { padding-top: 0; }
  nav, .skip { display: none; }
  a { color: inherit; text-decoration: none; }
  h2 { margin-top: 1.6rem; }
  .scroll, pre, ul.equations { overflow: visible; }
  .scroll svg { min-width: 0 !important; max-height: 16cm; }
  pre { white-space: pre-wrap; font-size: 7.5pt; border: 1px solid var(--line); }
  .beside { grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .5rem 1rem; }
  summary { color: inherit; list-style: none; }
  .maps { grid-template-columns: 1fr 1fr; }
  ul.tiles { grid-template-columns: repeat(6, 1fr); }
  ul.tiles img { max-width: 100%; }
  table { font-size: 8.5pt; }
  table.confusion td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details.data::details-content { display: block; content-visibility: visible; height: auto; }
  details:not(.data) { display: none; }
}
@page { margin: 16mm 15mm; }
"""


def report_style(theme: str | None) -> str:
    """Return the style sheet; ``theme`` is "light", "dark", or None for the reader's."""
    scheme = theme or "light dark"
    colours = _DARK if theme == "dark" else _LIGHT
    rules = f":root {{ color-scheme: {scheme}; {colours} }}\n"
    if theme is None:
        rules += f"@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}\n"
    return rules + style_sheet(False) + _RULES.replace("LIGHT", _LIGHT)
