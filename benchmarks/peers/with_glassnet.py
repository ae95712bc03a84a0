"""Ourselves, by engine."""

from __future__ import annotations

import inspect
from typing import Any

from benchmarks.peers.base import Array, thread_settings
from benchmarks.peers.keras_like import KerasLike, compiled
from benchmarks.peers.workloads import Workload


def network(work: Workload, engine: str) -> Any:
    """The compiled model of a workload."""
    import glassnet as gn

    return compiled(gn, work, **engine_argument(engine))


def engine_argument(engine: str) -> dict[str, str]:
    """What `compile` takes to choose an engine; nothing where it knows one engine only."""
    import glassnet as gn

    known = "engine" in inspect.signature(gn.Model.compile).parameters
    return {"engine": engine} if known else {}


class Glassnet(KerasLike):
    engine: str

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        super().__init__(work, x, y, network(work, self.engine))


class GlassnetNative(Glassnet):
    """As users run it: it chooses its threads itself."""

    title = "glassnet"
    needs = ("numba", "scipy")
    engine = "native"

    @classmethod
    def missing(cls) -> str:
        if not engine_argument("native"):
            return "compile() takes no engine"
        return super().missing()

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return {"threads as it chooses": {}}


class GlassnetNumpy(Glassnet):
    title = "glassnet, engine numpy"
    engine = "numpy"

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return thread_settings()
