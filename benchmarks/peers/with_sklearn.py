"""The peer: scikit-learn's `MLPClassifier`, where it can express the network."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.peers.base import Array, FitPeer
from benchmarks.peers.workloads import Dense, Workload


class Sklearn(FitPeer):
    title = "scikit-learn"
    needs = ("sklearn",)
    gives = "probabilities"

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        super().__init__(work, x, y.ravel().astype(np.int64))
        from sklearn.neural_network import MLPClassifier

        hidden = [part for part in work.layers[:-1] if isinstance(part, Dense)]
        names = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}
        self.model = MLPClassifier(
            [part.units for part in hidden], names[str(hidden[0].activation)],
            solver=work.optimizer, alpha=0.0, batch_size=work.batch,
            learning_rate_init=work.rate, momentum=0.0, nesterovs_momentum=False, epsilon=1e-7,
            max_iter=1, tol=0.0, n_iter_no_change=10**9, warm_start=True, random_state=0,
        )  # fmt: skip
        self.fit(self.x, self.y, 1, True)

    @classmethod
    def can(cls, work: Workload) -> bool:
        """Dense layers with one activation between them."""
        inner = work.layers[:-1]
        dense = all(isinstance(part, Dense) for part in work.layers)
        return dense and len({part.activation for part in inner if isinstance(part, Dense)}) == 1

    def reset(self) -> None:
        """`fit` makes a new optimizer by itself."""
        first = self.work.weights()
        self.model.coefs_, self.model.intercepts_ = first[::2], first[1::2]

    def fit(self, x: Array, y: Array, epochs: int, shuffle: bool) -> list[float]:
        self.model.set_params(max_iter=epochs, shuffle=shuffle)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged is the order
            self.model.fit(x, y)
        return [float(loss) for loss in self.model.loss_curve_[-epochs:]]

    def predictor(self) -> Callable[[Array], Array]:
        return self.model.predict_proba
