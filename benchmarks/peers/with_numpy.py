"""The peer: a loop by hand in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.by_hand import ConvolutionByHand, DenseByHand, NetworkByHand, PoolingByHand
from benchmarks.peers.base import Array, LoopPeer, check_length
from benchmarks.peers.workloads import Conv, Part, Pool, Workload


def _by_hand(part: Part) -> tuple[Any, str | None]:
    if isinstance(part, Pool):
        return PoolingByHand(part.size), None
    return (ConvolutionByHand() if isinstance(part, Conv) else DenseByHand()), part.activation


class ByHand(LoopPeer):
    title = "NumPy by hand"

    def reset(self) -> None:
        work = self.work
        weights = [w.astype(self.x.dtype) for w in work.weights()]
        layers = [_by_hand(part) for part in work.layers]
        self.network = NetworkByHand(layers, weights, work.loss, work.optimizer, work.rate)

    def epoch(self, order: Array) -> float:
        batch, network, total = self.work.batch, self.network, 0.0
        for i in range(0, len(order), batch):
            part = order[i : i + batch]
            total += network.train(self.x[part], self.y[part])
        return total * batch / len(order)

    def predictor(self) -> Callable[[Array], Array]:
        w1, b1, w2, b2 = self.network.weights
        return lambda x: np.maximum(x @ w1 + b1, 0) @ w2 + b2


def reference_losses(work: Workload, adam: str = "adam") -> list[float]:
    """What a peer's `check` is to give: by hand, in float64, with the peer's kind of Adam."""
    x, y = work.data()
    few = check_length(work)[1] * work.batch
    labels = y[:few].astype(np.float64) if work.loss == "binary" else y[:few]
    rule = adam if work.optimizer == "adam" else work.optimizer
    return ByHand(replace(work, optimizer=rule), x[:few].astype(np.float64), labels).check()
