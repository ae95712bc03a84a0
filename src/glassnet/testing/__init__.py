"""Checks that a brick of your own passes or fails as the bricks of glassnet do."""

from glassnet.explain.doctor.gradients import check_gradients as check_gradients
from glassnet.testing.check_op import check_op as check_op
from glassnet.testing.layer import LayerReport as LayerReport
from glassnet.testing.layer import check_layer as check_layer
from glassnet.testing.numerics import check_gradients_numerically as check_gradients_numerically
