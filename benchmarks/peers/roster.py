"""The peers by name, ourselves first."""

from __future__ import annotations

from benchmarks.peers.base import Peer
from benchmarks.peers.with_glassnet import GlassnetNative, GlassnetNumpy
from benchmarks.peers.with_jax import JaxScan, JaxStep
from benchmarks.peers.with_keras import KerasOnJax, KerasOnTorch
from benchmarks.peers.with_numpy import ByHand
from benchmarks.peers.with_sklearn import Sklearn
from benchmarks.peers.with_torch import TorchCompiled, TorchEager

PEERS: dict[str, type[Peer]] = {
    "glassnet_native": GlassnetNative,
    "glassnet_numpy": GlassnetNumpy,
    "by_hand": ByHand,
    "torch_eager": TorchEager,
    "torch_compile": TorchCompiled,
    "jax_jit": JaxStep,
    "jax_scan": JaxScan,
    "keras_jax": KerasOnJax,
    "keras_torch": KerasOnTorch,
    "sklearn": Sklearn,
}
OURS = ("glassnet_native", "glassnet_numpy")
