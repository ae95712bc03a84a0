r"""The equations of a LaTeX document, put together again from their lines.

An equation that defines a quantity states its shape beside it; others tell the general case.
What stands below "For each weight θ of …:" is meant for each of those weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from interpreter.parser import read_equation
from interpreter.tree import Equation, Symbol

_PIECE = re.compile(
    r"\\begin\{align\*\}(?P<display>.*?)\\end\{align\*\}"
    r"|For each weight \$\\theta\$ of (?P<each>.*?):\n",
    re.DOTALL,
)
_TAG = re.compile(r"\\tag\*\{\$\\in (.*?)\$\}\s*$", re.DOTALL)


def equations_of(document: str) -> list[Equation]:
    """Return the equations of a document in order."""
    found: list[Equation] = []
    weights: list[str] = []
    general: list[Equation] = []
    for piece in _PIECE.finditer(document):
        if piece["each"] is not None:
            found += for_each(general, weights)
            general, weights = [], re.findall(r"\$(.*?)\$", piece["each"])
            continue
        tag = _TAG.search(piece["display"])
        body = _joined(_unfitted(_TAG.sub("", piece["display"])))
        text = f"{body} \\in {tag[1]}" if tag else body
        if weights and r"\theta" in body:
            general.append(read_equation(text))
        elif tag:
            found += for_each(general, weights)
            general, weights = [], []
            found.append(read_equation(text))
    return found + list(for_each(general, weights))


def for_each(general: list[Equation], weights: list[str]) -> Iterator[Equation]:
    """Yield equations about θ for every weight."""
    for weight in weights:
        for equation in general:
            named = with_name(equation, re.sub(r"\s+", "", weight))
            yield replace(named, name=equation.name.replace(r"\theta", weight))


def with_name(tree: Any, weight: str) -> Any:
    """Return a tree about a weight, of one about θ."""
    if isinstance(tree, Symbol):
        return Symbol(tree.name.replace(r"\theta", weight))
    if isinstance(tree, tuple):
        return tuple(with_name(part, weight) for part in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        parts = {f.name: with_name(getattr(tree, f.name), weight) for f in fields(tree)}
        return type(tree)(**parts)
    return tree


def _unfitted(body: str) -> str:
    r"""Return lines that are made smaller, ``\fitted{…}``, as they are."""
    while (start := body.find(r"\fitted{")) >= 0:
        end, depth = start + len(r"\fitted{"), 1
        while depth:
            depth += (body[end] == "{") - (body[end] == "}")
            end += 1
        body = body[:start] + body[start + len(r"\fitted{") : end - 1] + body[end:]
    return body


def _joined(body: str) -> str:
    """Return the lines of an equation as one; what stands within cases stays."""
    parts = re.split(r"(\\begin\{cases\}|\\end\{cases\})", body)
    depth, kept = 0, []
    for part in parts:
        depth += (part == r"\begin{cases}") - (part == r"\end{cases}")
        if depth == 0 and part != r"\end{cases}":
            part = re.sub(r"\\\\|&|\\quad|\{\}", " ", part)
        kept.append(part)
    return "".join(kept)
