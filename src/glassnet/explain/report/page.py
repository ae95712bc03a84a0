"""The page of a report: its head, what is told first, the contents, the sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from glassnet.explain.report.markup import attempted, clean, counted, percent, told, value
from glassnet.explain.report.registry import Section
from glassnet.explain.report.style import report_style
from glassnet.explain.report.subject import Subject
from glassnet.explain.report.versions import versions

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load: nothing but what it holds."""
_MEASURES = 3


def page(subject: Subject, sections: Sequence[Section], title: str) -> str:
    """Return the whole page."""
    made = [
        (section, attempted(section.title, partial(section.make, subject))) for section in sections
    ]
    body = "\n".join(
        f'<section id="{section.name}" aria-labelledby="{section.name}-title">\n'
        f'<h2 id="{section.name}-title">{clean(section.title)}</h2>\n{content}\n</section>'
        for section, content in made
    )
    contents = "".join(f'<li><a href="#{s.name}">{clean(s.title)}</a></li>' for s in sections)
    now = datetime.now().astimezone()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{clean(title)}</title>\n"
        '<link rel="icon" href="data:,">\n'
        f"<style>\n{report_style(subject.theme)}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the report</a>\n'
        f'<header>\n<p class="kind">Report of a training run</p>\n<h1>{clean(title)}</h1>\n'
        f"{attempted('The summary', partial(_first, subject))}\n"
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n</header>\n'
        f'<main id="content">\n{body}\n</main>\n'
        f"<footer><p>Made by glassnet {clean(versions()['glassnet'])} on "
        f'<time datetime="{now:%Y-%m-%dT%H:%M:%S%z}">{now:%d %B %Y}</time>. The page holds all '
        "that it shows and loads nothing.</p></footer>\n</body>\n</html>\n"
    )


def _first(subject: Subject) -> Iterator[str]:
    """What one wants to know first, in a sentence and a few numbers."""
    model = subject.model
    trained = ""
    if subject.train_size and subject.train is not subject.held:
        trained = f", trained on {counted(subject.train_size, 'example')}"
    yield (
        f'<p class="lead">{counted(model.count_params(), "parameter")} in '
        f"{counted(len(model.layers), 'layer')}{trained}, judged on "
        f"{subject.size:,} {clean(subject.held_name)}.</p>"
    )
    keys = []
    measures = sorted(subject.results.items(), key=lambda pair: pair[0] == "loss")
    for name, number in measures[:_MEASURES]:
        if getattr(number, "ndim", 0):
            continue
        share = "accuracy" in name
        keys.append(
            (name.replace("_", " "), value(number, percent(number) if share else told(number)))
        )
    keys.append(("parameters", value(model.count_params())))
    keys.append((subject.held_name, value(subject.size)))
    if subject.seconds is not None:
        keys.append(("seconds of training", value(subject.seconds, told(subject.seconds, 3))))
    inner = "".join(f"<div><dt>{clean(name)}</dt><dd>{cell}</dd></div>" for name, cell in keys)
    yield f'<dl class="keys">{inner}</dl>'
