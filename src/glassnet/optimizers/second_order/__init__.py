"""Second-order optimizers: they look at the curvature of the loss, not only at its slope."""

from glassnet.optimizers.second_order.base import Move as Move
from glassnet.optimizers.second_order.base import SecondOrder as SecondOrder
from glassnet.optimizers.second_order.gauss_newton import GaussNewton as GaussNewton
from glassnet.optimizers.second_order.gauss_newton import LevenbergMarquardt as LevenbergMarquardt
from glassnet.optimizers.second_order.lbfgs import LBFGS as LBFGS
from glassnet.optimizers.second_order.natural import NaturalGradient as NaturalGradient
from glassnet.optimizers.second_order.newton import Newton as Newton
from glassnet.optimizers.second_order.newton import SaddleFreeNewton as SaddleFreeNewton
from glassnet.optimizers.second_order.newton_cg import NewtonCG as NewtonCG
