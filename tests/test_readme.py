"""Every Python example of the README and of the documentation runs, in order."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn

ROOT = Path(__file__).parents[1]


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)


def test_the_readme_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # it writes files
    names: dict[str, object] = {}
    for block in blocks(ROOT / "README.md"):
        exec(compile(block, "README.md", "exec"), names)
    x, x_test, y_test = names["x"], names["x_test"], names["y_test"]
    assert names["model"].evaluate(x_test, y_test, verbose=0)[1] > 0.85  # type: ignore[attr-defined]
    assert "dZ[1] = dA[1] ⊙ [A[1] > 0]" in str(names["d"])  # what the README shows of it
    assert (tmp_path / "digits.html").exists()
    f = names["f"]
    x = np.array([0.5, 1.0])
    exact = 2 * x * np.sin(x) + x**2 * np.cos(x)
    np.testing.assert_allclose(gn.grad(f)(x), exact, rtol=1e-12)  # type: ignore[arg-type]
    swish = names["Swish"]()  # type: ignore[operator]
    np.testing.assert_allclose(np.asarray(swish(np.ones((1, 1)))), 1 / (1 + np.exp(-1)), rtol=1e-6)
    mine = gn.Sequential([gn.Input((4,)), names["MyDense"](3)])  # type: ignore[operator]
    mine.compile("adam", "mse")
    mine.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
    assert "Epoch" in capsys.readouterr().out


def test_the_readme_names_what_exists() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []
