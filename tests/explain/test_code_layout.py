"""Lines of emitted programs: broken where a person would, never longer than they may be."""

import ast

import numpy as np
import pytest

from glassnet.explain.code.layout import WIDTH, function, paired, statement

LONG = [f"np.sum(weights_of_layer_{i} ** 2)" for i in range(7)]


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("J", " + ".join(LONG)),
        ("J", f"np.sqrt({' + '.join(LONG)})"),
        ("J", f"np.sqrt(np.maximum(0.001, {' + '.join(LONG)})) / m"),
        ("U", f"np.where(T > 0, {LONG[0]} * {LONG[1]}, {LONG[2]} / ({LONG[3]} - {LONG[4]}))"),
        ("D", f"bernoulli(s, p=0.5, seed={'9' * 40}, shape=(m, 8), dtype={'x' * 20!r}) / 0.5"),
        ("M[k] +=", f"-0.1 * ({' + '.join(LONG)} - M[k])"),
        ("return", "{" + ", ".join(f'"A{i}": A{i}' for i in range(40)) + "}"),
        ("C", "concat(" + ", ".join(f"branch_{i}" for i in range(30)) + ", axis=-1)"),
    ],
)
@pytest.mark.parametrize("comment", ["", "(m, 8)"])
def test_a_long_statement_is_broken_and_says_the_same(target, source, comment):
    lines = statement(target, source, comment)
    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH
    assert all(line.startswith("    ") for line in lines)
    assert ("# (m, 8)" in "\n".join(lines)) == bool(comment)
    joint = target if target.endswith("=") or target == "return" else f"{target} ="
    broken = "\n".join(["def f():", *lines])
    whole = f"def f():\n    {joint} {source}"
    assert ast.dump(ast.parse(broken)) == ast.dump(ast.parse(whole))


def test_a_short_statement_is_one_line():
    assert statement("b", "x + 1", "(1, 3)", 0) == ["b = x + 1  # (1, 3)"]
    assert statement("return", "x", "", 0) == ["return x"]
    assert statement("M[k] -=", "x", "", 8) == ["        M[k] -= x"]
    note = statement("b", "x" * (WIDTH - 4), "(1, 3)", 0)
    assert note == ["# (1, 3)", f"b = {'x' * (WIDTH - 4)}"]


def test_values_come_out_of_a_dictionary_layer_by_layer():
    assert paired(["W1", "b1", "W2"], "p", 0) == [
        'W1, b1 = p["W1"], p["b1"]',
        'W2 = p["W2"]',
    ]
    assert paired(["W1", "W2"], "p", 0, layers=False) == ['W1, W2 = p["W1"], p["W2"]']
    assert paired([], "p") == []
    many = [f"A{i}" for i in range(60)]
    lines = paired(many, "cache", layers=False)
    assert max(map(len, lines)) <= WIDTH
    space = {"cache": {name: np.float64(i) for i, name in enumerate(many)}}
    exec("\n".join(line.strip() for line in lines), space)
    assert [space[name] for name in many] == list(range(60))


def test_a_function():
    assert function("f", ["x"], ["Return x."], ["    return x"]) == [
        "def f(x):",
        '    """Return x."""',
        "    return x",
    ]
    lines = function("f", [], ["One.", "", "Two."], ["    pass"])
    assert lines[1:5] == ['    """One.', "", "    Two.", '    """']
