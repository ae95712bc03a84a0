"""Newton against gradient descent: what the second derivative is good for, in four pictures.

1. A parabola: Newton's method is there in one step, gradient descent zigzags.
2. A hill: where the function is concave, the plain Newton step runs up. Mended, it runs down.
3. Rosenbrock's valley: the curvature shows the way along the bend.
4. XOR: the same for the weights of a small network, on a slice through the paths.

Run it with a folder to save the pictures in (needs Matplotlib: pip install glassnet[plots]).
The line searches need SciPy.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

import glassnet as gn

surfaces = gn.explain.surfaces
compare = gn.explain.compare_optimizers
Newton, SGD, Adam = gn.optimizers.Newton, gn.optimizers.SGD, gn.optimizers.Adam


def parabola(x):
    return (x - 2) ** 2 + 1


def on_a_parabola() -> gn.explain.Comparison:
    """f'' = 2 everywhere, so x - f'(x) / f''(x) is the minimum; from η = 1 descent runs away."""
    ways = {"Newton": Newton(), "descent, η = 0.1": SGD(0.1), "descent, η = 0.9": SGD(0.9)}
    return compare(ways, parabola, x0=-1.0, steps=12)


def on_a_hill() -> gn.explain.Comparison:
    """Both second derivatives are negative at the start."""
    ways = {
        "plain Newton": Newton(modification="none"),
        "Newton, reflected": Newton(),
        "gradient descent": SGD(0.1),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the plain step says that it climbs: that is the lesson
        return compare(ways, surfaces.hill, steps=25)


def in_a_valley() -> gn.explain.Comparison:
    ways = {
        "Newton": Newton(),
        "L-BFGS": gn.optimizers.LBFGS(),
        "gradient descent": SGD(0.0015),
        "Adam": Adam(0.05),
    }
    return compare(ways, surfaces.rosenbrock, steps=200)


def in_a_network() -> gn.explain.Comparison:
    """Thanks to the penalty on large weights there is a minimum, not only an endless slope."""
    gn.utils.set_random_seed(1)
    (x, y), _ = gn.datasets.xor.load_data()
    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(3, activation="tanh", kernel_regularizer=gn.regularizers.L2(1e-3)),
            gn.layers.Dense(1, activation="sigmoid", kernel_regularizer=gn.regularizers.L2(1e-3)),
        ],
        name="xor",
    )
    model.compile(loss="binary_crossentropy")
    ways = {
        "Newton": Newton(),
        "L-BFGS": gn.optimizers.LBFGS(),
        "gradient descent": SGD(0.5),
        "Adam": Adam(0.05),
    }
    return compare(ways, model, (x, y), steps=150)


def save_pictures(lessons: dict[str, gn.explain.Comparison], folder: str) -> list[Path]:
    """Save the paths of each lesson, and the losses of the last two."""
    to = Path(folder)
    to.mkdir(parents=True, exist_ok=True)
    paths = [to / f"{name}.png" for name in lessons]
    for lesson, path in zip(lessons.values(), paths, strict=True):
        lesson.plot_paths(path)
    for name in ("valley", "network"):
        paths.append(to / f"{name}_losses.png")
        lessons[name].plot(("steps", "evaluations", "time"), paths[-1])
    return paths


def main() -> dict[str, gn.explain.Comparison]:
    lessons = {
        "parabola": on_a_parabola(),
        "hill": on_a_hill(),
        "valley": in_a_valley(),
        "network": in_a_network(),
    }
    for comparison in lessons.values():
        print(comparison, end="\n\n")
    hill = lessons["hill"]
    for name in ("plain Newton", "Newton, reflected"):
        heights = ", ".join(f"{height:.3g}" for height in hill[name].losses[:6])
        print(f"{name} on the hill: {heights} …")
        print("   ", hill[name].told[0].replace("\n", "\n    "))
    hessian = np.asarray(gn.hessian(surfaces.hill)(np.array(surfaces.hill.start)))
    print("The Hessian where they begin:", hessian.round(3).tolist())
    if len(sys.argv) > 1 and sys.argv[0].endswith("newton.py"):
        save_pictures(lessons, sys.argv[1])
    return lessons


if __name__ == "__main__":
    main()
