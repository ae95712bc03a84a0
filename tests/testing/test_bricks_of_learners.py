"""Bricks as learners write them: right ones pass; what is told of wrong ones fits their code."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.layers import NumpyLayer
from glassnet.testing import check_layer


class SigmoidDense(NumpyLayer):
    """Dense with the activation inside, under names of its own; keeps no argument."""

    def __init__(self, units: int, slope_at: str = "Z", **kwargs) -> None:
        super().__init__(**kwargs)
        self.n, self.at = units, slope_at

    def build(self, shape):
        self.W = self.add_weight((shape[-1], self.n))
        self.b = self.add_weight((self.n,), "zeros")

    def forward(self, A_prev):
        self.A_prev = A_prev
        self.Z = A_prev @ self.W + self.b
        self.A = 1 / (1 + np.exp(-self.Z))
        return self.A

    def backward(self, dA):
        a = 1 / (1 + np.exp(-(self.Z if self.at == "Z" else self.A)))
        dZ = dA * a * (1 - a)
        self.dW, self.db = self.A_prev.T @ dZ, dZ.sum(0)
        return dZ @ self.W.T


def test_a_right_brick_that_cannot_be_saved_yet_passes_and_is_told_how():
    report = check_layer(SigmoidDense(3), input_shape=(4,))
    assert report.ok, str(report)
    told = report["configuration"]
    assert told.verdict == "not applicable"
    assert "self.units = units, self.slope_at = slope_at" in told.sentence
    assert report["saving"].verdict == "not applicable"


def test_the_mend_speaks_the_names_of_the_brick():
    mend = check_layer(SigmoidDense(3, "A"), input_shape=(4,))["gradients"].mend
    assert mend.splitlines() == [
        "dZ = dA * self.A * (1 - self.A)", "self.dW = self.A_prev.T @ dZ",
        "self.db = dZ.sum(axis=0)", "return dZ @ self.W.T",
    ]  # fmt: skip


def test_the_mend_says_what_forward_has_to_keep():
    class Slope(NumpyLayer):
        def forward(self, X):
            return np.maximum(X, 0)

        def backward(self, dY):
            return dY

    mend = check_layer(Slope(), input_shape=(4,))["gradients"].mend
    assert mend.splitlines() == ["self.X = X  # in forward", "return dY * (self.X > 0)"]


def test_a_brick_that_counts_its_calls_is_told_so():
    class Counter(NumpyLayer):
        def __init__(self, **kwargs) -> None:
            super().__init__(**kwargs)
            self.calls = 0

        def forward(self, X):
            self.calls += 1
            return X * self.calls

        def backward(self, dY):
            return dY * self.calls

    found = check_layer(Counter(), input_shape=(4,))["backward twice"]
    assert found.verdict == "failed"
    assert "forward gives another output" in found.sentence
    assert "(self.calls)" in found.sentence


class Head(NumpyLayer):
    """Attention; the scores' 1/√d may be forgotten on the way back."""

    def __init__(self, scaled: bool, **kwargs) -> None:
        super().__init__(**kwargs)
        self.scaled = scaled

    def build(self, shape):
        self.WQ, self.WK = (self.add_weight((shape[-1], 4)) for _ in range(2))

    def forward(self, X):
        self.X, self.Q, self.K = X, X @ self.WQ, X @ self.WK
        S = self.Q @ self.K.transpose(0, 2, 1) / 2
        E = np.exp(S - S.max(-1, keepdims=True))
        self.A = E / E.sum(-1, keepdims=True)
        return self.A @ X

    def backward(self, dY):
        X, A = self.X, self.A
        dA = dY @ X.transpose(0, 2, 1)
        dS = A * (dA - (dA * A).sum(-1, keepdims=True)) / (2 if self.scaled else 1)
        dQ, dK = dS @ self.K, dS.transpose(0, 2, 1) @ self.Q
        self.dWQ, self.dWK = (np.einsum("bti,btj->ij", X, d) for d in (dQ, dK))
        return dQ @ self.WQ.T + dK @ self.WK.T + A.transpose(0, 2, 1) @ dY


def test_a_factor_is_told_where_the_library_has_no_such_brick():
    assert check_layer(Head(True), input_shape=(5, 3)).ok
    found = check_layer(Head(False), input_shape=(5, 3), checks=["gradients"])["gradients"]
    assert "dWQ and dWK are 2 times what it should be" in found.sentence


def test_weights_of_the_same_name_are_told_apart():
    class Residual(gn.layers.Layer):
        def __init__(self, **kwargs) -> None:
            super().__init__(**kwargs)
            self.first = gn.layers.Dense(4, "relu", name="first")
            self.second = gn.layers.Dense(4, name="second")

        def call(self, inputs):
            return inputs + self.second(self.first(inputs))

    report = check_layer(Residual(), input_shape=(4,), checks=["gradients"])
    assert "dkernel of 'first', dbias of 'first', dkernel of 'second'" in (
        report["gradients"].sentence
    )


class Dropping(NumpyLayer):
    """Dropout that draws from a generator of its own; its mask may be forgotten on the way back."""

    def __init__(self, rng, masked: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        self.rng, self.masked = rng, masked

    def forward(self, X, training=False):
        draw = getattr(self.rng, "random", None) or self.rng.rand
        self.D = (draw(X.shape) > 0.4) / 0.6 if training else np.ones(X.shape)
        return X * self.D

    def backward(self, dY):
        return dY * self.D if self.masked else dY


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_draws_of_a_generator_of_ones_own_are_right_and_checked(make):
    report = check_layer(Dropping(make(3)), input_shape=(6,))
    assert not report.failed or {r.name for r in report.failed} == {"configuration"}, str(report)
    assert report["gradients in training"].verdict == "passed"
    assert report["repeatable"].sentence.startswith("the same step draws the same")
    wrong = check_layer(Dropping(make(3), False), input_shape=(6,))
    assert wrong["gradients in training"].verdict == "failed"
    assert wrong["gradients"].verdict == "passed"


def test_draws_of_a_generator_elsewhere_are_told():
    cls = type("Noise", (NumpyLayer,), {
        "forward": lambda s, X, training=False: (
            X + CHANCE.normal(0, 0.1, X.shape) if training else X),
        "backward": lambda s, d: d,
    })  # fmt: skip
    found = check_layer(cls(), input_shape=(6,))["repeatable"]
    assert found.verdict == "failed"
    assert "self.rng = np.random.default_rng(seed)" in found.mend


CHANCE = np.random.default_rng(0)


def test_arrays_that_training_does_not_know_are_told():
    class Plain(NumpyLayer):
        def __init__(self, **kwargs) -> None:
            super().__init__(**kwargs)
            self.W, self.b = np.ones((4, 3)), np.zeros(3)

        def forward(self, X):
            self.X = X
            return X @ self.W + self.b

        def backward(self, dY):
            self.dW, self.db = self.X.T @ dY, dY.sum(0)
            return dY @ self.W.T

    found = check_layer(Plain(), input_shape=(4,))["in a network"]
    assert found.verdict == "failed"
    assert "Nothing is learned of W, b" in found.sentence
    assert found.mend.splitlines() == [
        "self.W = self.add_weight((4, 3), name='W')", "self.b = self.add_weight((3,), name='b')",
    ]  # fmt: skip


def test_a_forgotten_return_is_told_and_nothing_else():
    class Forgetful(NumpyLayer):
        def forward(self, X):
            self.Y = np.tanh(X)

        def backward(self, dY):
            return dY * (1 - self.Y**2)

    found = check_layer(Forgetful(), input_shape=(4,))["forward"]
    assert "Did you forget the return?" in found.sentence
    assert found.sentence.endswith("?")
    assert found.mend == "return Y  # at the end of forward"
