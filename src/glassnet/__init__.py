"""glassnet: neural networks you can see through.

Keras's interface on NumPy. A network is recorded as one graph, and that graph is what is run,
differentiated and shown.

>>> import numpy as np, glassnet as gn
>>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
>>> model.compile("adam", "mse")
>>> history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), epochs=2, verbose=0)
>>> sorted(history.history)
['loss']
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from glassnet import activations as activations
from glassnet import backend as backend
from glassnet import callbacks as callbacks
from glassnet import config as config
from glassnet import constraints as constraints
from glassnet import datasets as datasets
from glassnet import errors as errors
from glassnet import files as files
from glassnet import initializers as initializers
from glassnet import layers as layers
from glassnet import losses as losses
from glassnet import metrics as metrics
from glassnet import models as models
from glassnet import ops as ops
from glassnet import optimizers as optimizers
from glassnet import random as random
from glassnet import regularizers as regularizers
from glassnet import saving as saving
from glassnet import utils as utils
from glassnet.calculus import grad as grad
from glassnet.calculus import hessian as hessian
from glassnet.calculus import hvp as hvp
from glassnet.calculus import jacobian as jacobian
from glassnet.calculus import jvp as jvp
from glassnet.calculus import per_example_grad as per_example_grad
from glassnet.calculus import value_and_grad as value_and_grad
from glassnet.calculus import vjp as vjp
from glassnet.graph.tensor import Tensor as Tensor
from glassnet.graph.tensor import use_display as _use_display
from glassnet.graph.variable import Variable as Variable
from glassnet.initializers import Initializer as Initializer
from glassnet.layers import Input as Input
from glassnet.layers import Layer as Layer
from glassnet.losses import Loss as Loss
from glassnet.metrics import Metric as Metric
from glassnet.files import load as load
from glassnet.minimization import gradient_descent as gradient_descent
from glassnet.minimization import minimize as minimize
from glassnet.minimization import newton_root as newton_root
from glassnet.models import Model as Model
from glassnet.models import Sequential as Sequential
from glassnet.models.explaining import use_readers as _use_readers
from glassnet.optimizers import Optimizer as Optimizer
from glassnet.regularizers import Regularizer as Regularizer

__version__ = "0.1.0"


def _explain() -> _Any:
    """The readers of models; loaded when first asked for, so that an import stays quick."""
    return _import_module("glassnet.explain")


_use_readers(_explain)
_use_display(lambda tensor: _explain().tensor_html(tensor))


_LAZY_MODULES = ("explain", "inspection", "plots", "testing")
"""Modules loaded when first asked for, so that an import stays quick."""
_READERS = ("check_gradients", "diagnose", "diagnose_training", "report")
"""Functions of `glassnet.explain` that stand here too."""


def __getattr__(name: str) -> _Any:
    if name in _LAZY_MODULES:
        return _import_module(f"glassnet.{name}")
    if name in _READERS:
        return getattr(_explain(), name)
    raise AttributeError(f"module 'glassnet' has no attribute {name!r}")
