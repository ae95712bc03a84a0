"""The peer: JAX, a step compiled, and an epoch compiled as one `scan`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any

import numpy as np

from benchmarks.peers.base import Array, LoopPeer, Variant, cores
from benchmarks.peers.workloads import Conv, Pool, Workload


def xla_settings() -> dict[str, dict[str, str]]:
    """Threads are a matter of flags read at the start; so is waiting for results at once."""
    one = {
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    waiting = {"JAX_CPU_ENABLE_ASYNC_DISPATCH": "0"}
    found = {"1 thread": one, "1 thread, no asynchronous dispatch": {**one, **waiting}}
    if cores() > 1:
        found[f"{cores()} threads"] = {}
    return found


def outputs(work: Workload, weights: Any, x: Any) -> Any:
    """The logits of some examples."""
    import jax
    from jax import lax

    rules = {
        "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jax.numpy.tanh, None: lambda z: z
    }  # fmt: skip
    given = iter(weights)
    for part in work.layers:
        if isinstance(part, Pool):
            window = (1, part.size, part.size, 1)
            x = lax.reduce_window(x, -np.inf, lax.max, window, window, "VALID")
            continue
        kernel, bias = next(given), next(given)
        if isinstance(part, Conv):
            layout = ("NHWC", "HWIO", "NHWC")
            z = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=layout)
        else:
            z = x.reshape(len(x), -1) @ kernel
        x = rules[part.activation](z + bias)
    return x


def loss(work: Workload, weights: Any, x: Any, y: Any) -> Any:
    import jax
    from jax import numpy as jnp

    z = outputs(work, weights, x)
    if work.loss == "classes":
        chosen = jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - chosen)
    return jnp.mean(jax.nn.softplus(z) - z * y)


def updated(work: Workload, state: Any, slopes: list[Any]) -> Any:
    """The state after a step: weights, moments, count of steps."""
    from jax import numpy as jnp

    weights, m, v, count = state
    count = count + 1
    if work.optimizer == "sgd":
        return [w - work.rate * g for w, g in zip(weights, slopes, strict=True)], m, v, count
    t = count.astype(jnp.float32)
    rate = work.rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = [a + (g - a) * 0.1 for a, g in zip(m, slopes, strict=True)]
    v = [a + (g * g - a) * 0.001 for a, g in zip(v, slopes, strict=True)]
    moved = [w - rate * a / (jnp.sqrt(b) + 1e-7) for w, a, b in zip(weights, m, v, strict=True)]
    return moved, m, v, count


class Jax(LoopPeer):
    needs = ("jax",)

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        super().__init__(work, x, y)
        import jax
        from jax import numpy as jnp

        self.jax, self.jnp = jax, jnp
        self.given, self.labels = jnp.asarray(x), jnp.asarray(y)

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return xla_settings()

    def step(self, state: Any, x: Any, y: Any) -> Any:
        value, slopes = self.jax.value_and_grad(lambda w: loss(self.work, w, x, y))(state[0])
        return updated(self.work, state, slopes), value

    def reset(self) -> None:
        jnp, first = self.jnp, self.work.weights()
        moments = first if self.work.optimizer == "adam" else []
        zeros = [[jnp.zeros(w.shape) for w in moments] for _ in "mv"]
        self.state = ([jnp.array(w) for w in first], *zeros, jnp.zeros((), jnp.int32))

    def fetched(self, losses: list[Any]) -> list[float]:
        return [float(loss) for loss in self.jax.device_get(losses)]

    def predictor(self) -> Callable[[Array], Array]:
        compiled = self.jax.jit(lambda w, x: outputs(self.work, w, x))
        weights = self.state[0]
        return lambda x: np.asarray(compiled(weights, x))


class JaxStep(Jax):
    title = "JAX jit"

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        super().__init__(work, x, y)
        self.compiled = self.jax.jit(self._batch_step, donate_argnums=(0,))

    def _batch_step(self, state: Any, total: Any, x: Any, y: Any, order: Any) -> Any:
        """One step on the batch whose turn it is; the sum of the epoch's losses goes along."""
        size, batch = len(order), self.work.batch
        at = state[-1] * batch % size
        part = self.jax.lax.dynamic_slice(order, (at,), (batch,))
        state, value = self.step(state, x[part], y[part])
        return state, value + self.jnp.where(at == 0, 0.0, total)

    def epoch(self, order: Array) -> Any:
        steps = len(order) // self.work.batch
        order = self.jnp.asarray(order.astype(np.int32))
        total = self.jnp.float32(0)
        for _ in range(steps):
            self.state, total = self.compiled(self.state, total, self.given, self.labels, order)
        self.steps = steps
        return total

    def fetched(self, losses: list[Any]) -> list[float]:
        return [loss / self.steps for loss in super().fetched(losses)]


class JaxScan(Jax):
    title = "JAX scan"

    def __init__(self, work: Workload, x: Array, y: Array, gather: str, unroll: int = 1) -> None:
        super().__init__(work, x, y)
        self.gather, self.unroll = gather, unroll
        self.compiled = self.jax.jit(self._epoch, donate_argnums=(0,))

    @classmethod
    def variants(cls, work: Workload) -> list[Variant]:
        if work.steps == 1:
            return [{"gather": "epoch"}]
        unrolls = (1, 8) if prod(work.shape) < 16 else (1,)
        return [{"gather": g, "unroll": n} for g, n in product(("epoch", "step"), unrolls)]

    def _epoch(self, state: Any, x: Any, y: Any, order: Any) -> Any:
        parts = order.reshape(-1, self.work.batch)
        if self.gather == "epoch":
            batches, pick = (x[parts], y[parts]), lambda batch: batch
        else:
            batches, pick = parts, lambda part: (x[part], y[part])
        scan = self.jax.lax.scan
        state, losses = scan(
            lambda s, batch: self.step(s, *pick(batch)), state, batches, unroll=self.unroll
        )
        return state, losses.mean()

    def epoch(self, order: Array) -> Any:
        order = order.astype(np.int32)
        self.state, mean = self.compiled(self.state, self.given, self.labels, order)
        return mean
