"""Zero or one? Real handwritten digits, 20×20 pixels, a network of 25-15-1 sigmoids."""

import glassnet as gn


def main() -> float:
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.digits01.load_data(size=20, flatten=True)

    model = gn.Sequential(
        [
            gn.Input((400,)),
            gn.layers.Rescaling(1 / 255),
            gn.layers.Dense(25, activation="sigmoid"),
            gn.layers.Dense(15, activation="sigmoid"),
            gn.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, verbose=0)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{len(x_test)} digits not seen in training: accuracy {accuracy:.2%}, loss {loss:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
