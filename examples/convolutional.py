"""A convolutional network, brick by brick: Conv(5 filters 3×3), sigmoid, reshape, 100, 2.

The classic first convolutional network: zeros against ones, one-hot targets.
"""

import glassnet as gn


def main() -> float:
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.digits01.load_data()
    x, x_test = x[..., None] / 255, x_test[..., None] / 255  # (m, 28, 28, 1)
    y, y_test = gn.utils.to_categorical(y, 2), gn.utils.to_categorical(y_test, 2)

    model = gn.Sequential(
        [
            gn.Input((28, 28, 1)),
            gn.layers.Conv2D(5, 3),  # (m, 26, 26, 5)
            gn.layers.Activation("sigmoid"),
            gn.layers.Reshape((26 * 26 * 5,)),
            gn.layers.Dense(100, activation="sigmoid"),
            gn.layers.Dense(2, activation="sigmoid"),
        ]
    )
    model.compile(gn.optimizers.SGD(0.1), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, verbose=0)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{len(x_test)} digits not seen in training: accuracy {accuracy:.2%}, loss {loss:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
