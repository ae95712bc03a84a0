"""Several labels at once: in which of three overlapping discs does a point lie?

Each label is a yes or no of its own, so the last layer has three sigmoids and the loss is the
binary cross-entropy of each. Softmax would make the labels compete.
"""

import numpy as np

import glassnet as gn


def main() -> float:
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.multilabel.load_data()

    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            gn.layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            gn.layers.Dense(3, activation="sigmoid"),
        ]
    )
    model.compile(gn.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["binary_accuracy"])
    model.fit(x, y, epochs=150, verbose=0)

    judged = model.predict(x_test, verbose=0) > 0.5
    right = judged == y_test.astype(bool)
    print(f"labels right: {right.mean():.1%}; all three right: {np.all(right, axis=1).mean():.1%}")
    return float(right.mean())


if __name__ == "__main__":
    main()
