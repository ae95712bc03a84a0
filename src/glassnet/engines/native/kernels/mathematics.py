"""Mathematical functions of one float for compiled Python: ``exp(x)`` within a kernel's loop.

They are the formulas, so a loop over them is vectorised. A loop from arrays to an array with
nothing else in it is better made by ``arrays.each``.
"""

from glassnet.engines.native.kernels import error_function, formulas
from glassnet.engines.native.kernels.lanes import function

exp = function(formulas.exp)
expm1 = function(formulas.expm1)
log = function(formulas.log)
log1p = function(formulas.log1p)
tanh = function(formulas.tanh)
sigmoid = function(formulas.sigmoid)
softplus = function(formulas.softplus)
erf = function(error_function.erf)
erfc = function(error_function.erfc)
normal_cdf = function(error_function.normal_cdf)
normal_density = function(error_function.normal_density)
