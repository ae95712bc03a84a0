"""The bricks, a family a file."""

from glassnet.layers.base import LAYERS as LAYERS
from glassnet.layers.base import Layer as Layer
from glassnet.layers.core import Dense as Dense
