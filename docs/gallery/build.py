"""Makes the gallery: draws every picture of this folder's modules and writes ``docs/gallery.md``.

Run by ``make docs``; ``python docs/gallery/build.py NAME …`` draws only these (the page lists all).

A module of this folder is a family of pictures. Its docstring is the family's title and text. It
has a dictionary ``PICTURES`` from names to functions without arguments; each returns a Matplotlib
figure or axes, the text of an SVG, or the bytes of a GIF. The first line of a function's docstring
is the picture's title, the rest says what is to be seen (it is the alternative text). The code on
the page is the function's own source, so what is shown is what was run. What else the module holds
(trained networks, kept by ``functools.cache``) stands before its pictures. ``PLACE`` is where among
the families it comes, ``QUICK`` names the pictures that the tests draw.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "gallery.md"
MOST = 80_000
"""How many bytes a picture may have."""
MOST_MOVING = 300_000
"""How many bytes a GIF may have."""

INTRODUCTION = """# Gallery

Every picture here was drawn by the code beside it, from networks trained on data that are part of
glassnet. The page and its pictures are made by `make docs`. The pictures need Matplotlib:
`pip install "glassnet[plots]"`. All of them take `ax=` (axes of your own) and `theme="dark"`.
"""
SHARED = "The networks of these pictures: how they were trained"
_SKIPPED = {"PICTURES", "QUICK", "PLACE"}


# --- what there is ----------------------------------------------------------------------------
def families() -> Iterator[ModuleType]:
    """Yield the modules of this folder that have pictures, in the order of the page."""
    found = [_loaded(path) for path in sorted(HERE.glob("*.py")) if path.name != "build.py"]
    yield from sorted(
        (module for module in found if hasattr(module, "PICTURES")),
        key=lambda module: (getattr(module, "PLACE", 50), module.__name__),
    )


def _loaded(path: Path) -> ModuleType:
    name = f"gallery_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pictures() -> dict[str, Callable[[], Any]]:
    """Return all pictures: what draws each, by name.

    Raises:
        ValueError: where two families have a picture of one name.
    """
    found: dict[str, Callable[[], Any]] = {}
    for module in families():
        for name, function in module.PICTURES.items():
            if name in found:
                raise ValueError(f"Two pictures are called {name!r}: rename one of them.")
            found[name] = function
    return found


# --- drawing ----------------------------------------------------------------------------------
def drawn(function: Callable[[], Any]) -> tuple[str, bytes]:
    """Return the ending of the file and its bytes for what a picture's function returns."""
    result = function()
    if hasattr(result, "get_figure"):  # axes
        result = result.get_figure()
    if hasattr(result, "savefig"):
        return ".png", _png(result)
    if hasattr(result, "_repr_svg_"):
        result = result._repr_svg_()
    if isinstance(result, str) and "<svg" in result:
        return ".svg", result.encode()
    if isinstance(result, bytes) and result.startswith(b"GIF8"):
        return ".gif", result
    raise TypeError(
        f"{function.__name__} returned {type(result).__name__}: expected a figure, axes, the text "
        "of an SVG, or the bytes of a GIF."
    )


def _png(figure: Any) -> bytes:
    """The figure with as few colours and dots as it takes to stay small."""
    from PIL import Image

    for dpi, colours in ((110, None), (96, None), (110, 256), (100, 128), (90, 64), (80, 32)):
        raw, small = io.BytesIO(), io.BytesIO()
        figure.savefig(raw, dpi=dpi)
        image = Image.open(raw).convert("RGB")
        if colours is not None:
            image = image.quantize(colours, dither=Image.Dither.NONE)
        image.save(small, "PNG", optimize=True)
        if small.tell() < MOST:
            break
    return small.getvalue()


def draw(name: str, function: Callable[[], Any]) -> Path:
    """Draw a picture into its file; raise where it is too large for a page."""
    ending, content = drawn(function)
    most = MOST_MOVING if ending == ".gif" else MOST
    if len(content) >= most:
        raise ValueError(f"{name}{ending} has {len(content)} bytes; at most {most} fit the page.")
    for old in HERE.glob(f"{name}.*"):
        if old.suffix in (".png", ".svg", ".gif"):
            old.unlink()
    path = HERE / f"{name}{ending}"
    path.write_bytes(content)
    return path


def file_of(name: str) -> Path | None:
    """Return where a picture lies; None where it was not drawn yet."""
    found = [p for p in HERE.glob(f"{name}.*") if p.suffix in (".png", ".svg", ".gif")]
    return found[0] if found else None


# --- the page ---------------------------------------------------------------------------------
def page() -> str:
    """Return the page: every picture with its title, what is to be seen, and its code."""
    titles = [_told(module)[0] for module in families()]
    parts = [INTRODUCTION, *(f"- [{title}](#{_anchor(title)})" for title in titles), ""]
    for module in families():
        title, text = _told(module)
        parts += [f"## {title}\n", *([f"{text}\n"] if text else [])]
        if shared := _code(shared_code(module)):
            parts.append(f"<details><summary>{SHARED}</summary>\n\n{shared}\n</details>\n")
        for name, function in module.PICTURES.items():
            title, text = _told(function)
            path = file_of(name)
            ending = ".png" if path is None else path.suffix
            alt = re.sub(r"[`\[\]]", "", text or title).replace("\n", " ")
            parts += [f"### {title}\n", f"![{alt}](gallery/{name}{ending})\n"]
            parts += [*([f"{text}\n"] if text else []), _code(code_of(function))]
    return "\n".join(parts)


def _anchor(title: str) -> str:
    """The name under which a heading of a Markdown page is linked."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _told(described: Any) -> tuple[str, str]:
    title, _, text = (inspect.getdoc(described) or "").partition("\n")
    if not title:
        raise ValueError(f"{described.__name__} needs a docstring: a title, and what is seen.")
    return title.rstrip("."), text.strip()


def _code(source: str) -> str:
    return f"```python\n{source.strip()}\n```\n" if source.strip() else ""


def code_of(function: Callable[[], Any]) -> str:
    """Return the source of a function without its docstring and its type."""
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines()
    told = node.body[0]
    kept = [*lines[: told.lineno - 1], *lines[told.end_lineno :]]
    return re.sub(r"\) -> [^\n]*:\n", "):\n", "\n".join(kept))


def shared_code(module: ModuleType) -> str:
    """Return what a module holds beside its pictures: imports and trained networks."""
    source = inspect.getsource(module)
    drawing = {function.__name__ for function in module.PICTURES.values()}
    parts, imports = [], []
    for node in ast.parse(source).body:
        names = {t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)}
        names |= {getattr(getattr(node, "target", None), "id", "")}
        typing = isinstance(node, ast.ImportFrom) and node.module in ("__future__", "typing")
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if names & _SKIPPED or typing or checking or getattr(node, "name", None) in drawing:
            continue
        if isinstance(node, ast.Expr):  # docstrings
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        text = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
        (imports if isinstance(node, (ast.Import, ast.ImportFrom)) else parts).append(text)
    joined = "\n\n".join(["\n".join(imports), *parts])
    return re.sub(r"\) -> [^\n]*:\n", "):\n", joined)


def main(names: list[str]) -> None:
    """Draw the pictures of these names, all for none, and write the page."""
    every = pictures()
    unknown = [name for name in names if name not in every]
    if unknown:
        raise SystemExit(f"There is no picture {unknown[0]!r}; there are {', '.join(every)}.")
    for name in names or every:
        start = time.perf_counter()
        path = draw(name, every[name])
        size, took = path.stat().st_size, time.perf_counter() - start
        print(f"{path.name:<32} {size / 1000:5.0f} kB {took:6.1f} s")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
