"""One neuron with a sigmoid is logistic regression: it draws one straight line.

p = σ(X w + b), cost = binary cross-entropy. Two clouds that a line separates, and the line.
"""

import numpy as np

import glassnet as gn


def main() -> float:
    gn.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal((-1, -1), 0.6, (100, 2)), rng.normal((1, 1), 0.6, (100, 2))])
    y = np.repeat([0, 1], 100)

    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, activation="sigmoid")])
    model.compile(gn.optimizers.SGD(0.5), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, verbose=0)

    kernel, bias = model.get_weights()
    _, accuracy = model.evaluate(x, y, verbose=0)
    print(f"decision boundary: {kernel[0, 0]:.2f} x1 + {kernel[1, 0]:.2f} x2 + {bias[0]:.2f} = 0")
    print(f"accuracy: {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
