"""One neuron is linear regression: it finds the line that ``numpy.linalg.lstsq`` finds.

z = w x + b, cost = mean of (z - y)². Full-batch gradient descent walks down a parabola.
"""

import numpy as np

import glassnet as gn


def main() -> tuple[float, float]:
    gn.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 1))
    y = 3 * x - 0.5 + rng.normal(0, 0.1, (200, 1))

    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    model.compile(gn.optimizers.SGD(learning_rate=0.5), loss="mse")
    history = model.fit(x, y, batch_size=len(x), epochs=60, verbose=0)

    (w,), b = model.get_weights()
    exact = np.linalg.lstsq(np.hstack([x, np.ones_like(x)]), y, rcond=None)[0].ravel()
    print(f"cost: {history.history['loss'][0]:.3f} at first, {history.history['loss'][-1]:.4f} now")
    print(f"the neuron:    y = {w[0]:.3f} x + {b[0]:.3f}")
    print(f"least squares: y = {exact[0]:.3f} x + {exact[1]:.3f}")
    return abs(float(w[0] - exact[0])), abs(float(b[0] - exact[1]))


if __name__ == "__main__":
    main()
