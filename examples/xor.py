"""XOR: no line separates it, a hidden layer of four does. The decision boundary as a picture.

Run it with a file name to save the picture (needs Matplotlib: pip install glassnet[plots]).
"""

import sys

import numpy as np

import glassnet as gn


def train() -> gn.Sequential:
    gn.utils.set_random_seed(3)
    (x, y), _ = gn.datasets.xor.load_data()
    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(4, activation="tanh"),
            gn.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(gn.optimizers.Adam(0.05), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=500, verbose=0)
    return model


def chances_on_grid(model: gn.Sequential, cells: int = 33) -> np.ndarray:
    """The predicted probability of class 1 on a grid over the square, (cells, cells)."""
    side = np.linspace(-0.5, 1.5, cells)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return model.predict(points, verbose=0).reshape(cells, cells)


def save_picture(model: gn.Sequential, path: str) -> None:
    """Draw the probability, and the boundary where it is one half."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    side = np.linspace(-0.5, 1.5, 101)
    chances = chances_on_grid(model, 101)
    filled = axes.contourf(side, side, chances, levels=np.linspace(0, 1, 11), cmap="cividis")
    axes.contour(side, side, chances, levels=[0.5], colors="white", linewidths=2)
    (x, y), _ = gn.datasets.xor.load_data()
    for label, marker in ((0, "o"), (1, "s")):
        chosen = x[np.ravel(y) == label]
        axes.scatter(*chosen.T, marker=marker, s=90, c="white", edgecolors="black",
                     label=f"xor = {label}")  # fmt: skip
    axes.set(title="XOR: what the network says", xlabel="first input", ylabel="second input")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.colorbar(filled, label="probability of 1")
    figure.savefig(path, dpi=150)


def main() -> float:
    model = train()
    for inputs in ([0, 0], [0, 1], [1, 0], [1, 1]):
        chance = float(model.predict(np.array([inputs]), verbose=0)[0, 0])
        print(f"{inputs[0]} xor {inputs[1]} = {round(chance)}   (probability {chance:.3f})")
    for row in chances_on_grid(model, 21)[::-2]:
        print("".join(" .:-=+*#%@"[int(9.99 * p)] * 2 for p in row))
    if len(sys.argv) > 1 and sys.argv[0].endswith("xor.py"):
        save_picture(model, sys.argv[1])
    (x, y), _ = gn.datasets.xor.load_data()
    return model.evaluate(x, y, verbose=0)[1]


if __name__ == "__main__":
    main()
