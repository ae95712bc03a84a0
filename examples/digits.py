"""Ten digits, 25-15-10: the last layer gives raw scores (logits), the loss takes the softmax.

``from_logits=True`` lets loss and softmax be computed together, which is exact where the
probabilities are tiny. The probabilities themselves come from one softmax, after training.
"""

import numpy as np

import glassnet as gn


def main() -> float:
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.mnist.load_data()
    x, x_test = x.reshape(len(x), -1) / 255, x_test.reshape(len(x_test), -1) / 255

    model = gn.Sequential(
        [
            gn.Input((784,)),
            gn.layers.Dense(25, activation="relu"),
            gn.layers.Dense(15, activation="relu"),
            gn.layers.Dense(10),
        ]
    )
    model.compile(
        gn.optimizers.Adam(0.003),
        loss=gn.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=64, epochs=15, verbose=0)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{len(x_test)} digits not seen in training: accuracy {accuracy:.2%}, loss {loss:.3f}")
    chances = np.asarray(gn.ops.softmax(model.predict(x_test[:1], verbose=0)))[0]
    best = int(chances.argmax())
    print(f"the first is a {y_test[0]}; the network says {best} with {chances[best]:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
