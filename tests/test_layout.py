"""The layout: imports run one way, files are small, the map of the code names what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "glassnet"

LEVELS = [
    {"config", "errors", "nest", "checks", "optional", "storage"},
    {"graph"},
    {"formulas", "notation"},
    {"ops", "random"},
    {"engines"},
    {"calculus", "objective", "registry"},
    {"utils", "datasets"},
    {"activations", "initializers", "regularizers", "constraints", "schedules"},
    {"layers"},
    {"losses", "metrics", "optimizers", "callbacks", "minimization"},
    {"models"},
    {"inspection"},
    {"files", "explain", "plots", "backend", "saving"},
    {"testing"},
    {"cli"},
]
"""What may import what: a package imports those above it and those on its own line."""


def level(name: str) -> int:
    for i, names in enumerate(LEVELS):
        if name in names:
            return i
    raise AssertionError(f"{name} has no place in the layout: add it to LEVELS")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    text = path.read_text()
    tree = ast.parse(text)
    for node in ast.walk(tree) if "TYPE_CHECKING" in text else ():
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body.clear()  # types alone: nothing is imported at run time
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("glassnet"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("glassnet.")}
    return found


def test_imports_run_one_way() -> None:
    wrong = []
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).parts
        own = parts[0].removesuffix(".py")
        if own in ("__init__", "__main__", "cli"):
            continue
        wrong += [f"{'/'.join(parts)} imports {name}" for name in imports_of(path)
                  if level(name) > level(own)]  # fmt: skip
    assert wrong == []


def test_files_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in SOURCE.rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 520
    }
    assert long == {}


def test_the_map_names_what_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:src|tests|docs|examples|benchmarks|parity)/[^`*]+)`", text))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_map_names_every_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = [p for p in SOURCE.iterdir() if p.is_dir() and (p / "__init__.py").exists()]
    assert [p.name for p in packages if f"src/glassnet/{p.name}/" not in text] == []
