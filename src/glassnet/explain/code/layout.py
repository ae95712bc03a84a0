"""How lines of an emitted program are laid out: comments, long expressions, functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

WIDTH = 100
OPERATORS = ((" + ", " - "), (" * ", " / ", " @ "))
"""What a long expression is broken at, the loosest first."""


def statement(target: str, source: str, comment: str = "", indent: int = 4) -> list[str]:
    """Return the lines of ``target = source  # comment``; a long expression takes several.

    >>> statement("Z1", "X @ W1 + b1", "(m, 3)", 0)
    ['Z1 = X @ W1 + b1  # (m, 3)']
    """
    space = " " * indent
    bare = target.endswith(("=", ":")) or target == "return"
    head = f"{space}{target} " if bare else f"{space}{target} = "
    note = f"  # {comment}" if comment else ""
    if len(head) + len(source) + len(note) <= WIDTH:
        return [f"{head}{source}{note}"]
    if len(head) + len(source) <= WIDTH:
        return [f"{space}# {comment}", f"{head}{source}"]
    lines = _broken(source, head, indent)
    if len(lines) > 1 and note:
        lines[0] += note
    return lines


def _broken(source: str, head: str, indent: int) -> list[str]:
    """The lines of a long expression after ``head``."""
    inner = " " * (indent + 4)
    pieces = _at_operators(source)
    if len(pieces) > 1:
        lines = [f"{head}("]
        for piece in pieces:
            lines += _piece(piece, indent + 4)
        return [*lines, f"{' ' * indent})"]
    opening = min((i for i, c in enumerate(source) if c in "([{"), default=-1)
    if opening < 0 or _closing(source, opening) < 0:
        return [f"{head}{source}"]
    closing = _closing(source, opening)
    lines = [f"{head}{source[: opening + 1]}"]
    items = _items(source[opening + 1 : closing])
    if len(items) == 1:
        items = _at_operators(items[0])
        return [
            *lines,
            *(line for item in items for line in _piece(item, indent + 4)),
            f"{inner[4:]}{source[closing:]}",
        ]
    if source[opening] == "{" and all(len(item) < WIDTH // 2 for item in items):
        lines += _filled(items, inner)
    else:
        for item in items:
            lines += _piece(item, indent + 4, ",")
    return [*lines, f"{inner[4:]}{source[closing:]}"]


def _filled(items: Sequence[str], space: str) -> list[str]:
    """Items on as few lines as hold them."""
    lines = [space]
    for item in items:
        text = f"{item},"
        if len(lines[-1]) + len(text) + 1 > WIDTH:
            lines.append(space)
        lines[-1] += text if lines[-1] == space else f" {text}"
    return lines


def _piece(text: str, indent: int, after: str = "") -> list[str]:
    """One part of a broken expression, broken again where it is still too long."""
    space = " " * indent
    if len(space) + len(text) + len(after) <= WIDTH:
        return [f"{space}{text}{after}"]
    sign = text[:2] if text[:2] in ("+ ", "- ", "* ", "/ ", "@ ") else ""
    key, equals, rest = text.partition("=")
    if not sign and equals and key.isidentifier() and not rest.startswith("="):
        sign, text = f"{key}=", rest
    else:
        text = text[len(sign) :]
    lines = _broken(text, f"{space}{sign}", indent)
    lines[-1] += after
    return lines


def _at_operators(source: str) -> list[str]:
    """The expression cut before its loosest operators outside brackets."""
    for signs in OPERATORS:
        cuts = [i for i in _outside(source) if source[i : i + 3] in signs]
        if cuts:
            places = [0, *(i + 1 for i in cuts), len(source)]
            return [source[a:b].strip() for a, b in pairwise(places)]
    return [source]


def _items(source: str) -> list[str]:
    """The arguments of a call."""
    places = [-1, *(i for i in _outside(source) if source[i] == ","), len(source)]
    found = [source[a + 1 : b].strip() for a, b in pairwise(places)]
    return [item for item in found if item]


def _outside(source: str) -> Iterator[int]:
    """Yield the places outside brackets and texts."""
    depth, quote = 0, ""
    for i, c in enumerate(source):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif depth == 0:
            yield i


def _closing(source: str, opening: int) -> int:
    """The place of the bracket that closes the one at ``opening``."""
    inside = set(_outside(source[opening + 1 :]))
    depth = 0
    for i in range(opening, len(source)):
        if i - opening - 1 in inside:
            continue
        depth += (source[i] in "([{") - (source[i] in ")]}")
        if depth == 0:
            return i
    return -1


def function(
    name: str, arguments: Iterable[str], about: Sequence[str], body: Iterable[str]
) -> list[str]:
    """Return the lines of a function: its docstring, its body (indented already)."""
    lines = [f"def {name}({', '.join(arguments)}):"]
    lines += [f'    """{about[0]}' + ('"""' if len(about) == 1 else "")]
    if len(about) > 1:
        lines += [f"    {line}".rstrip() for line in about[1:]]
        lines.append('    """')
    return [*lines, *body]


def heading(title: str) -> str:
    """Return the comment that opens a section.

    >>> heading("forward")[:16]
    '# --- forward --'
    """
    return f"# --- {title} ".ljust(WIDTH - 20, "-")


def paired(names: Sequence[str], where: str, indent: int = 4, *, layers: bool = True) -> list[str]:
    """Return lines that take values out of a dictionary, a few a line; those of one layer for
    ``layers``.

    >>> paired(["W1", "b1"], "parameters", 0)
    ['W1, b1 = parameters["W1"], parameters["b1"]']
    """
    lines: list[str] = []
    group: list[str] = []
    for name in [*names, ""]:
        text = _unpacking([*group, name], where, indent)
        apart = layers and group and not _alike(group[-1], name)
        if group and (not name or apart or len(text) > WIDTH - 12):
            lines.append(_unpacking(group, where, indent))
            group = []
        group.append(name)
    return lines


def _alike(first: str, second: str) -> bool:
    """Whether two names belong to one layer."""
    digits = ["".join(c for c in name.split("_")[0] if c.isdigit()) for name in (first, second)]
    return digits[0] == digits[1]


def _unpacking(names: Sequence[str], where: str, indent: int) -> str:
    given = ", ".join(f'{where}["{name}"]' for name in names)
    return f"{' ' * indent}{', '.join(names)} = {given}"
