"""Initializers: the first values of weights."""

from glassnet.initializers.base import INITIALIZERS as INITIALIZERS
from glassnet.initializers.base import Initializer as Initializer
from glassnet.initializers.base import get as get
from glassnet.initializers.simple import Ones as Ones
from glassnet.initializers.simple import Zeros as Zeros
from glassnet.initializers.scaling import GlorotUniform as GlorotUniform
from glassnet.initializers.scaling import VarianceScaling as VarianceScaling
