"""Runs emitted programs where glassnet can't be imported; started by test_code.py.

    python -I run_programs.py FOLDER

For every program in FOLDER there are ``name.py`` and ``name.npz``: the examples, the library's
losses, its weights after these steps. What comes out is a JSON object: by name, what is wrong.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np


def differences(space, given, tolerance):
    """What differs from the library after as many steps as it has losses."""
    data = [given[f"data{i}"] for i in range(int(given["count"]))]
    parameters = space["load"]()
    rest = [parameters] + ([space["start"](parameters)] if "start" in space else [])
    dust = without_gradient(space, data, parameters)
    found = [float(space["train_step"](*data, *rest)) for _ in given["losses"]]
    wrong = []
    pairs = [("loss", np.array(found), given["losses"])]
    pairs += [(k, parameters[k], given[f"w_{k}"]) for k in parameters if k not in dust]
    for name, value, expected in pairs:
        error = np.abs(value - expected).max(initial=0) / max(1, np.abs(expected).max(initial=0))
        if not error <= tolerance:
            wrong.append(f"{name}: {error:.2g}")
        if name != "loss" and value.dtype != expected.dtype:
            wrong.append(f"{name} is {value.dtype}")
    return wrong


def without_gradient(space, data, parameters):
    """The weights whose gradient is rounding alone: an optimizer makes what it likes of that.

    A bias that a normalization takes away again is one; that the gradient is as small in the
    library is among what ``--check`` compares.
    """
    arguments = space["forward"].__code__.co_varnames[: space["forward"].__code__.co_argcount]
    inputs = data[: arguments.index("parameters")]
    cache = space["forward"](*inputs, parameters, *([0] if "s" in arguments else []))
    loss = space["loss"].__code__
    names = space["backward"].__code__.co_varnames
    known = dict(zip(names, data, strict=False))
    known |= {"parameters": parameters, "cache": cache}
    space["loss"](*(known[name] for name in loss.co_varnames[: loss.co_argcount]))
    grads = space["backward"](*data, parameters, cache)
    norms = {k: np.linalg.norm(g) for k, g in grads.items()}
    dust = 1e-14 if all(g.dtype == np.float64 for g in grads.values()) else 1e-6
    return {k for k, norm in norms.items() if norm <= dust * max(norms.values())}


def checked(space):
    """What ``--check`` finds wrong, and its exit status."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = space["check"]()
    lines = [line for line in printed.getvalue().split("\n") if "WRONG" in line]
    return status, lines


def execute(source, name):
    """The names that a program defines."""
    space = {"__name__": name}
    exec(compile(source, name, "exec"), space)
    return space


def main(folder):
    """Run all programs of a folder."""
    report = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        try:
            with np.errstate(all="ignore"):
                space = execute(source, path.stem)
                given = path.with_suffix(".npz")
                wrong = []
                if given.exists():
                    with np.load(given) as arrays:
                        wrong = differences(space, arrays, float(arrays["tolerance"]))
                status, lines = checked(space)
            report[path.stem] = {"wrong": wrong, "status": status, "check": lines}
        except Exception as error:
            report[path.stem] = {"wrong": [repr(error)], "status": 1, "check": []}
    print(json.dumps(report))


if __name__ == "__main__":
    sys.modules["glassnet"] = None  # from here on an import of it is an error
    main(Path(sys.argv[1]))
