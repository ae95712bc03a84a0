"""The curvature of a loss at a point: eigenvalues of its Hessian, and what they tell."""

from glassnet.explain.curvature.analysis import curvature as curvature
from glassnet.explain.curvature.density import Density as Density
from glassnet.explain.curvature.hutchinson import Trace as Trace
from glassnet.explain.curvature.hutchinson import hutchinson as hutchinson
from glassnet.explain.curvature.lanczos import Ritz as Ritz
from glassnet.explain.curvature.lanczos import lanczos as lanczos
from glassnet.explain.curvature.report import Block as Block
from glassnet.explain.curvature.report import CurvatureReport as CurvatureReport
from glassnet.explain.curvature.report import Direction as Direction
from glassnet.explain.curvature.spectrum import Spectrum as Spectrum
