"""The peer: PyTorch, eager and compiled, images in both layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from benchmarks.peers.base import Array, LoopPeer, Variant
from benchmarks.peers.workloads import Conv, Dense, Pool, Workload


def _module(work: Workload) -> Any:
    from torch import nn

    rules = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
    stack: list[Any] = []
    for part, shape in zip(work.layers, work.shapes(), strict=False):
        if isinstance(part, Pool):
            stack.append(nn.MaxPool2d(part.size))
            continue
        if isinstance(part, Conv):
            stack.append(nn.Conv2d(shape[-1], part.filters, part.size))
        else:
            stack += [nn.Flatten()] * (len(shape) > 1)
            stack.append(nn.Linear(int(np.prod(shape)), part.units))
        if part.activation:
            stack.append(rules[part.activation]())
    return nn.Sequential(*stack)


def _weights(work: Workload) -> list[Array]:
    """The first weights in PyTorch's layout: kernels turned, channels before rows and columns."""
    given = iter(work.weights())
    found = []
    for part, shape in zip(work.layers, work.shapes(), strict=False):
        if isinstance(part, Pool):
            continue
        kernel, bias = next(given), next(given)
        if isinstance(part, Conv):
            kernel = kernel.transpose(3, 2, 0, 1)
        elif len(shape) > 1:
            kernel = kernel.reshape(*shape, -1).transpose(3, 2, 0, 1).reshape(part.units, -1)
        else:
            assert isinstance(part, Dense)
            kernel = kernel.T
        found += [np.ascontiguousarray(kernel), bias]
    return found


class TorchEager(LoopPeer):
    title = "PyTorch eager"
    needs = ("torch",)
    adam = "adam as PyTorch"

    def __init__(
        self, work: Workload, x: Array, y: Array, fused: bool, channels_last: bool = False
    ) -> None:
        super().__init__(work, x, y)
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

        self.torch, self.first = torch, [torch.from_numpy(w) for w in _weights(work)]
        self.module = _module(work)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        given = torch.from_numpy(x)
        if work.convolves:
            self.module = self.module.to(memory_format=layout)
            given = given.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        labels = torch.from_numpy(y)
        self.given, self.labels = given, labels.long() if work.loss == "classes" else labels
        self.criterion = (
            cross_entropy if work.loss == "classes" else binary_cross_entropy_with_logits
        )
        rules = {"sgd": torch.optim.SGD, "adam": partial(torch.optim.Adam, eps=1e-7)}
        parameters = self.module.parameters()
        self.optimizer = rules[work.optimizer](parameters, lr=work.rate, fused=fused)
        self.loss, self.update = self._loss, self.optimizer.step

    @classmethod
    def variants(cls, work: Workload) -> list[Variant]:
        layouts = (False, True) if work.convolves else (False,)
        return [
            {"fused": fused, "channels_last": last}
            for fused, last in product((True, False), layouts)
        ]

    def _loss(self, x: Any, y: Any) -> Any:
        return self.criterion(self.module(x), y)

    def reset(self) -> None:
        with self.torch.no_grad():
            for parameter, first in zip(self.module.parameters(), self.first, strict=True):
                parameter.copy_(first)
            for state in self.optimizer.state.values():
                for value in state.values():
                    if value is not None:
                        value.zero_()

    def epoch(self, order: Array) -> Any:
        total = self.torch.zeros(())
        batches = self.torch.from_numpy(order).split(self.work.batch)
        for part in batches:
            loss = self.loss(self.given[part], self.labels[part])
            self.optimizer.zero_grad()
            loss.backward()
            self.update()
            total += loss.detach()
        return total.item() / len(batches)

    def predictor(self) -> Callable[[Array], Array]:
        torch, module = self.torch, self.module

        def predict(x: Array) -> Array:
            with torch.inference_mode():
                return module(torch.from_numpy(x)).numpy()

        return predict


class TorchCompiled(TorchEager):
    title = "PyTorch compiled"

    def __init__(
        self,
        work: Workload,
        x: Array,
        y: Array,
        fused: bool,
        channels_last: bool = False,
        update: bool = False,
    ) -> None:
        super().__init__(work, x, y, fused, channels_last)
        # Code compiled for other networks would be tried first at every call.
        self.torch.compiler.reset()
        self.loss = self.torch.compile(self._loss)
        if update:
            self.update = self.torch.compile(self.optimizer.step)

    @classmethod
    def missing(cls) -> str:
        compilers = ("c++", "g++", "clang++")
        return super().missing() or (
            "" if any(map(shutil.which, compilers)) else "no C++ compiler on this machine"
        )

    @classmethod
    def variants(cls, work: Workload) -> list[Variant]:
        layouts = (False, True) if work.convolves else (False,)
        rules = ({"fused": True}, {"fused": False, "update": True})
        return [{**rule, "channels_last": last} for rule, last in product(rules, layouts)]

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        own = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
        return {name: {**env, **own} for name, env in super().settings().items()}
