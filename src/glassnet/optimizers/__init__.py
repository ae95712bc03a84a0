"""Optimizers: how weights change with the gradient."""

from typing import Any

from glassnet import schedules as schedules
from glassnet.optimizers.base import OPTIMIZERS as OPTIMIZERS
from glassnet.optimizers.base import Optimizer as Optimizer
from glassnet.optimizers.adam import Adam as Adam
from glassnet.optimizers.adam import Adamax as Adamax
from glassnet.optimizers.adam import AdamW as AdamW
from glassnet.optimizers.adam import Lamb as Lamb
from glassnet.optimizers.adam import Nadam as Nadam
from glassnet.optimizers.adaptive import Adadelta as Adadelta
from glassnet.optimizers.adaptive import Adafactor as Adafactor
from glassnet.optimizers.adaptive import Adagrad as Adagrad
from glassnet.optimizers.adaptive import RMSprop as RMSprop
from glassnet.optimizers.second_order import GaussNewton as GaussNewton
from glassnet.optimizers.second_order import LBFGS as LBFGS
from glassnet.optimizers.second_order import LevenbergMarquardt as LevenbergMarquardt
from glassnet.optimizers.second_order import NaturalGradient as NaturalGradient
from glassnet.optimizers.second_order import Newton as Newton
from glassnet.optimizers.second_order import NewtonCG as NewtonCG
from glassnet.optimizers.second_order import SaddleFreeNewton as SaddleFreeNewton
from glassnet.optimizers.sgd import SGD as SGD
from glassnet.optimizers.sgd import Ftrl as Ftrl
from glassnet.optimizers.sgd import Lion as Lion
from glassnet.registry import serialize as serialize

deserialize = OPTIMIZERS.get


def get(identifier: Any) -> Any:
    """Return an optimizer by name (``"adam"``), from its saved form, or as it is.

    Raises:
        ValueError: for an unknown name, naming the nearest right one.
        TypeError: for what is no optimizer.

    >>> from glassnet import optimizers
    >>> type(optimizers.get("rmsprop")).__name__
    'RMSprop'
    """
    found = OPTIMIZERS.get(identifier)
    if found is not None and not isinstance(found, Optimizer):
        raise TypeError(f"Expected an optimizer, its name or None; got {identifier!r}.")
    return found
