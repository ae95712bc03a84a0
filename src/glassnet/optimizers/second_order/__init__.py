"""Second-order optimizers: they look at the curvature of the loss, not only at its slope."""

from glassnet.optimizers.second_order.base import Move as Move
from glassnet.optimizers.second_order.base import SecondOrder as SecondOrder
