"""The style sheet of HTML documents: light and dark, wide and narrow, screen and paper."""

from __future__ import annotations

CLASS = "glassnet-document"
"""The class of the element that holds a document; every rule but the page's begins with it."""

_PAGE = """\
:root { color-scheme: light dark; }
body { margin: 0; background: #fdfdfb; color: #1d1f23; }
@media (prefers-color-scheme: dark) { body { background: #17191c; color: #dcdfe4; } }
@page { margin: 20mm 18mm; }
@media print { body { background: none; color: #000; } }
"""

_DOCUMENT = """\
& { --soft: color-mix(in srgb, currentColor 64%, transparent);
  --line: color-mix(in srgb, currentColor 22%, transparent);
  --tint: color-mix(in srgb, currentColor 6%, transparent);
  font: 1.0625rem/1.55 Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype",
    Palatino, Georgia, serif;
  max-width: 42rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; overflow-wrap: break-word; }
& *, & *::before { box-sizing: border-box; }
& h1, & h2, & h3, & h4, & h5, & h6 { line-height: 1.25; font-weight: 600; text-wrap: balance;
  break-after: avoid; }
& h1 { font-size: 1.75rem; margin: 0 0 1.5rem; }
& h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: .9rem;
  border-top: 1px solid var(--line); }
& h3 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
& h4, & h5, & h6 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
& p { margin: .75rem 0; hyphens: manual; }
& math { font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", "Noto Sans Math", math;
  font-size: 1.06em; }
& a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em; }
& a:hover { text-decoration-color: currentColor; }
& .whole { white-space: nowrap; }
& nav { margin: 0 0 2rem; font-size: .95rem; }
& nav ol { list-style: none; margin: 0; padding: 0; }
& nav ol ol { padding-left: 1.25rem; }
& nav li { margin: .2rem 0; }
& nav a { text-decoration: none; }
& nav a:hover { text-decoration: underline; }
& .step { margin: 1.1rem 0; break-inside: avoid; scroll-margin-top: 1rem; }
& .step > p { margin: 0 0 .3rem; break-after: avoid; }
& .equation { display: flex; align-items: baseline; align-items: last baseline; gap: .1rem 1.5rem;
  padding: .2rem 0; }
& .formula { flex: 0 1 auto; min-width: 0; max-width: 100%; padding: .15rem 0 .15rem 3.5rem;
  text-indent: -2rem; overflow-x: auto; overflow-y: hidden; line-height: 1.9; }
& .formula math { text-indent: 0; margin: .15em 0; }
& .space { margin-left: auto; color: var(--soft); white-space: nowrap; }
& .step:target .equation { background: var(--tint); box-shadow: -3px 0 0 currentColor; }
& pre { font: .82rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  margin: .35rem 0 .35rem 1.5rem; overflow-x: auto; tab-size: 4; }
& pre.code { margin: 1rem 0; padding: .8rem 1rem; background: var(--tint); border-radius: 4px; }
& code { font: .86em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
& pre code { font: inherit; }
& .step > .check { margin: .2rem 0 0 1.5rem; font-size: .88rem; color: var(--soft); }
& .table { overflow-x: auto; margin: 1.25rem 0; }
& table { border-collapse: collapse; font-size: .95rem; line-height: 1.4; }
& .drawing { overflow-x: auto; margin: 1.25rem 0; }
& .drawing svg { display: block; }
& caption { text-align: left; padding-bottom: .5rem; color: var(--soft); }
& th, & td { text-align: left; vertical-align: baseline; padding: .4rem 1.1rem .4rem 0;
  border-bottom: 1px solid var(--line); }
& th { font-weight: 600; }
& tbody th { font-weight: inherit; }
& thead th { border-bottom: 1.5px solid currentColor; }
& tr { break-inside: avoid; }
@media (max-width: 36rem) {
  & { font-size: 1rem; padding: 1.5rem 1rem 3rem; }
  & h1 { font-size: 1.5rem; }
  & .equation { flex-wrap: wrap; }
  & .formula { padding-left: 2rem; text-indent: -1.25rem; }
  & pre, & .step > .check { margin-left: .75rem; }
  & pre.code { margin-left: 0; }
  & table, & tbody, & tr, & tbody th, & td { display: block; }
  & thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  & tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  & caption { display: block; }
  & tbody th, & td { border: 0; padding: .1rem 0; }
  & td { padding-left: 1rem; }
  & td::before { content: attr(data-label) ": "; color: var(--soft); font-size: .9em; }
  & td:empty { display: none; }
}
@media print {
  & { max-width: none; padding: 0; font-size: 10.5pt; }
  & a { text-decoration: none; }
  & .formula, & .table, & .drawing, & pre { overflow: visible; }
  & .drawing svg { min-width: 0 !important; }
  & pre { white-space: pre-wrap; }
  & pre.code { border: 1px solid var(--line); background: none; }
}
"""


def style_sheet(standalone: bool) -> str:
    """Return the style sheet, of a page or of a document within another's page."""
    rules = _DOCUMENT.replace("&", f".{CLASS}")
    if standalone:
        return _PAGE + rules
    return rules + f".{CLASS} {{ max-width: 48rem; margin: 0; padding: 0; }}\n"
