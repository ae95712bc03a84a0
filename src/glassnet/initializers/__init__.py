"""Initializers: the first values of weights."""

from typing import Any

import numpy as np

from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import use_names
from glassnet.initializers.base import INITIALIZERS as INITIALIZERS
from glassnet.initializers.base import Initializer as Initializer
from glassnet.initializers.base import RandomInitializer as RandomInitializer
from glassnet.initializers.simple import Constant as Constant
from glassnet.initializers.simple import Given as Given
from glassnet.initializers.simple import Identity as Identity
from glassnet.initializers.simple import Ones as Ones
from glassnet.initializers.simple import RandomNormal as RandomNormal
from glassnet.initializers.simple import RandomUniform as RandomUniform
from glassnet.initializers.simple import TruncatedNormal as TruncatedNormal
from glassnet.initializers.simple import Zeros as Zeros
from glassnet.initializers.scaling import GlorotNormal as GlorotNormal
from glassnet.initializers.scaling import GlorotUniform as GlorotUniform
from glassnet.initializers.scaling import HeNormal as HeNormal
from glassnet.initializers.scaling import HeUniform as HeUniform
from glassnet.initializers.scaling import LecunNormal as LecunNormal
from glassnet.initializers.scaling import LecunUniform as LecunUniform
from glassnet.initializers.scaling import Orthogonal as Orthogonal
from glassnet.initializers.scaling import VarianceScaling as VarianceScaling
from glassnet.registry import serialize as serialize

# Keras's other names for the classes.
IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

deserialize = INITIALIZERS.get


def get(identifier: Any) -> Any:
    """Return the initializer that ``identifier`` stands for.

    Args:
        identifier: a name (``"glorot_uniform"``), a class, a saved form, an array that is itself
            the first value, a callable ``(shape, dtype)``, an initializer, or None.

    Raises:
        ValueError: for an unknown name, naming the nearest right one.

    >>> from glassnet import initializers
    >>> type(initializers.get("he_normal")).__name__
    'HeNormal'
    """
    if isinstance(identifier, (np.ndarray, np.generic, Tensor)):
        return Given(identifier)
    return INITIALIZERS.get(identifier)


use_names(get)
