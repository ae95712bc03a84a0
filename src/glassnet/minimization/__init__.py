"""Minima and roots of plain functions: a calculus course without a network."""

from glassnet.minimization.minimum import Minimum as Minimum
from glassnet.minimization.minimum import gradient_descent as gradient_descent
from glassnet.minimization.minimum import minimize as minimize
from glassnet.minimization.root import Root as Root
from glassnet.minimization.root import newton_root as newton_root
