"""A layer written by hand, its mistake found by the doctor, mended, and put to work on digits.

The dense layer is plain NumPy, as in a first course. It forgets the 1/m in its gradients; the
doctor says so. Mended, it trains a network of its own, and as a brick inside a `Sequential`.
"""

import numpy as np

import glassnet as gn

RATE, BATCH, EPOCHS = 0.03, 32, 15


class MyDense:
    """Z = X W + b; dW and db are means over the examples."""

    def __init__(self, W, b):
        self.W, self.b = W.astype(float), b.astype(float)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dZ):  # dZ of each example
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T


class Mended(MyDense):
    def backward(self, dZ):
        m = len(dZ)
        self.dW = self.X.T @ dZ / m
        self.db = dZ.mean(axis=0)
        return dZ @ self.W.T


class MyNetwork:
    """Dense, relu, dense, softmax with cross-entropy, all by hand."""

    def __init__(self, dense, weights):
        W1, b1, W2, b2 = weights
        self.first, self.last = dense(W1, b1), dense(W2, b2)

    def forward(self, X):
        self.Z1 = self.first.forward(X)
        Z2 = self.last.forward(np.maximum(self.Z1, 0))
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    def gradients(self, X, Y):
        dA1 = self.last.backward(self.forward(X) - Y)
        self.first.backward(dA1 * (self.Z1 > 0))
        return {"dW1": self.first.dW, "db1": self.first.db,
                "dW2": self.last.dW, "db2": self.last.db}  # fmt: skip

    def train(self, X, Y):
        order = np.random.default_rng(1)
        for _ in range(EPOCHS):
            for rows in np.array_split(order.permutation(len(X)), len(X) // BATCH):
                self.gradients(X[rows], Y[rows])
                for layer in (self.first, self.last):
                    layer.W -= RATE * layer.dW
                    layer.b -= RATE * layer.db

    def accuracy(self, X, labels):
        return float((self.forward(X).argmax(axis=1) == labels).mean())


class DenseBrick(gn.layers.NumpyLayer):
    """The same layer as a brick. Here dL/dZ comes with its 1/m, so dW and db are sums."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units), "he_normal", name="W")
        self.b = self.add_weight((self.units,), "zeros", name="b")

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dZ):
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T


def network(dense):
    """The network in glassnet, with the library's dense layer or one's own."""
    layers = [dense(32), gn.layers.Activation("relu"), dense(10), gn.layers.Activation("softmax")]
    model = gn.Sequential([gn.Input((784,)), *layers])
    model.compile(gn.optimizers.SGD(RATE), "categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    (X, labels), (X_test, labels_test) = gn.datasets.mnist.load_data()
    X, X_test = X.reshape(len(X), -1) / 255, X_test.reshape(len(X_test), -1) / 255
    Y, Y_test = np.eye(10)[labels], np.eye(10)[labels_test]
    gn.utils.set_random_seed(0)
    twin = network(gn.layers.Dense)  # all begin with its weights
    start = twin.get_weights()

    before = gn.diagnose(twin, X[:20], Y[:20], gradients=MyNetwork(MyDense, start).gradients)
    print(before)
    mine = MyNetwork(Mended, start)
    after = gn.diagnose(twin, X[:20], Y[:20], gradients=mine.gradients)
    print(f"\nMended. {after}\n")
    print(gn.check_gradients(network(DenseBrick), X[:20], Y[:20]), "\n")

    mine.train(X, Y)
    accuracies = {"by hand": mine.accuracy(X_test, labels_test)}
    for name, dense in (("my brick", DenseBrick), ("the library's Dense", gn.layers.Dense)):
        gn.utils.set_random_seed(1)
        model = network(dense)
        model.set_weights(start)
        model.fit(X, Y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        accuracies[name] = model.evaluate(X_test, Y_test, verbose=0)[1]
    for name, accuracy in accuracies.items():
        print(f"{name:>20}: {accuracy:.2%} of {len(X_test)} digits not seen in training")
    return before, after, accuracies


if __name__ == "__main__":
    main()
