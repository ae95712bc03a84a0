"""The entry of the command ``glassnet``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

from glassnet.cli import explain, kernels, predict, train
from glassnet.cli.recipes import RECIPES
from glassnet.config import NOTATIONS

_ABOUT = """\
Neural networks you can see through: Keras's interface on NumPy.

Begin with

  glassnet train xor        the smallest problem that needs a hidden layer; a second
  glassnet train mnist      handwritten digits, a convolutional network; half a minute

Each trains a network, judges it on examples it has not seen, and saves it; with --report it
writes a page with the curves, the evaluation, the worst cases and the mathematics:

  glassnet summary mnist.safetensors
  glassnet predict mnist.safetensors images.npy --classes

Each shows how it learns, and is a program you could have written:

  glassnet explain xor --notation course
  glassnet code mnist.safetensors
  glassnet plan xor

Try a layer that you wrote yourself:

  glassnet check my_layer.py

Let the native engine be ready before the first long run:

  glassnet kernels --compile
"""


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    top = ArgumentParser(
        "glassnet", description=_ABOUT, formatter_class=RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    problems = "\n".join(f"  {name:<14} {r.about}" for name, r in RECIPES.items())
    one = commands.add_parser(
        "train", help="train a network on a built-in problem",
        description=f"Train a network, judge it on held-out examples, save it.\n\n{problems}",
        formatter_class=RawDescriptionHelpFormatter,
    )  # fmt: skip
    one.add_argument("name", choices=RECIPES, metavar="NAME", help="the problem, see above")
    one.add_argument("--epochs", type=_count, help="passes over the data")
    one.add_argument("--batch-size", type=_count, help="examples a step")
    one.add_argument("--seed", type=int, default=0, help="fixes every random choice (default 0)")
    one.add_argument("--save", metavar="FILE", help="where to save (default NAME.safetensors)")
    one.add_argument(
        "--report", nargs="?", const=True, metavar="FILE",
        help="write a page that tells the run (default NAME.html)",
    )  # fmt: skip
    one.add_argument("--quiet", action="store_true", help="no summary and no progress")
    one = commands.add_parser("summary", help="print the layers of a saved model")
    one.add_argument("file", metavar="FILE", help="a file that model.save wrote")
    one = commands.add_parser(
        "predict", help="print a saved model's outputs for data",
        description="Print a saved model's outputs, one line an example, as CSV.",
    )  # fmt: skip
    one.add_argument("file", metavar="FILE", help="a file that model.save wrote")
    one.add_argument("data", metavar="DATA", help="examples as .npy, .npz or .csv, one a row")
    one.add_argument("--classes", action="store_true", help="print the number of the best class")
    _add_explanations(commands)
    _add_check(commands)
    _add_kernels(commands)
    return top


def _add_kernels(commands: Any) -> None:
    one = commands.add_parser(
        "kernels", help="list, compile ahead or remove the native engine's kernels",
        description="Tell where the compiled kernels of the native engine are kept on this "
        "machine, and how many. They are compiled when a run needs them first; --compile does that "
        "ahead.",
    )  # fmt: skip
    one.add_argument("--compile", action="store_true",
                     help="compile those that ordinary networks need")  # fmt: skip
    one.add_argument("--clear", action="store_true", help="remove all")


def _add_check(commands: Any) -> None:
    one = commands.add_parser(
        "check", help="try a layer of your own as the library's own are tried",
        description="Try the layers in a file of Python: shapes, gradients, equality with the "
        "library's brick of the same role, odd inputs, saving, training. Where a gradient is "
        "wrong, look for the mistake behind it. Exit status: 0 all is well, 1 something is wrong, "
        "2 something could not be checked.",
    )  # fmt: skip
    one.add_argument("file", metavar="FILE", help="a file of Python that defines a layer")
    one.add_argument("--class", dest="name", metavar="NAME",
                     help="the class, or the layer made of it; default all")  # fmt: skip
    one.add_argument("--input-shape", type=_shape, metavar="4,3",
                     help="the shape of one example (of several: 4;4)")  # fmt: skip
    one.add_argument("--seed", type=int, default=0, help="of inputs and weights (default 0)")


def _shape(text: str) -> Any:
    """One shape, ``4,3``, or the list of several, ``4;4``."""
    shapes = []
    for part in text.split(";"):
        shapes.append(tuple(_count(size) for size in part.strip("() ").split(",") if size.strip()))
    if not all(shapes):
        raise ValueError
    return shapes[0] if len(shapes) == 1 else shapes


def _add_explanations(commands: Any) -> None:
    one = commands.add_parser(
        "explain", help="derive backpropagation for a network",
        description="Write out the training step of a network: forward pass, cost, the derivative "
        "by every weight, update. SOURCE is a saved model or one of the problems of `train`.",
    )  # fmt: skip
    one.add_argument("source", metavar="SOURCE", help="a file that model.save wrote, or a problem")
    one.add_argument("--notation", choices=NOTATIONS, help="default keras: what runs")
    one.add_argument("--format", choices=explain.FORMATS, help="default text")
    one.add_argument(
        "--with-data", nargs="?", const=True, metavar="DATA",
        help="numbers beside the symbols, and each derivative beside its difference quotient: on "
        "examples of the problem, or of DATA, a problem or an .npz file with x and y",
    )  # fmt: skip
    one.add_argument("--level", choices=("matrix", "scalar"), default="matrix",
                     help="scalar: every partial derivative of a small network")  # fmt: skip
    _add_common(one)
    one = commands.add_parser(
        "code", help="print a program for a network",
        description="Print a program that needs nothing but NumPy: initialisation, forward and "
        "backward pass, update, training. Run it with --check and it proves that it computes what "
        "glassnet does.",
    )  # fmt: skip
    one.add_argument("source", metavar="SOURCE", help="a file that model.save wrote, or a problem")
    one.add_argument("--framework", choices=("numpy", "keras", "torch"), default="numpy",
                     help="numpy (default), or the same network in Keras or PyTorch")  # fmt: skip
    one.add_argument("--notation", choices=NOTATIONS, help="of the NumPy program")
    one.add_argument("--weights", choices=("trained", "fresh"), default="trained",
                     help="as they are (default), or drawn anew by the program")  # fmt: skip
    _add_common(one)
    one = commands.add_parser(
        "plan", help="print what the native engine runs for a step",
        description="Print the plan of a step, instruction by instruction: what it computes, "
        "reads, writes and costs. SOURCE is a saved model or one of the problems of `train`.",
    )  # fmt: skip
    one.add_argument("source", metavar="SOURCE", help="a file that model.save wrote, or a problem")
    one.add_argument("--kind", choices=("train", "test", "predict"), default="train")
    one.add_argument("--batch-size", type=_count, default=32, help="examples a step (default 32)")
    _add_common(one)


def _add_common(one: ArgumentParser) -> None:
    one.add_argument("--output", metavar="FILE", help="write it there; the ending tells the format")
    one.add_argument("--seed", type=int, default=0, help="of a problem's weights (default 0)")


def _count(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ValueError
    return value


def _check(options: Any) -> int:
    from glassnet.cli.check import check  # the checks take a while to load

    return check(options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(arguments)
    run = {"train": train.train, "summary": predict.summary, "predict": predict.predict,
           "explain": explain.explain, "code": explain.code, "plan": explain.plan,
           "check": _check, "kernels": kernels.kernels}  # fmt: skip
    try:
        return run[options.command](options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"glassnet: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
