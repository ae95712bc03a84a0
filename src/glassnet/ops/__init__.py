"""The primitives, a family a file, and the functions that record them.

Names are NumPy's and Keras's.
"""

from glassnet.ops.elementwise import absolute as absolute
from glassnet.ops.elementwise import abs as abs
from glassnet.ops.elementwise import add as add
from glassnet.ops.elementwise import cast as cast
from glassnet.ops.elementwise import divide as divide
from glassnet.ops.elementwise import exp as exp
from glassnet.ops.elementwise import log as log
from glassnet.ops.elementwise import multiply as multiply
from glassnet.ops.elementwise import negative as negative
from glassnet.ops.elementwise import power as power
from glassnet.ops.elementwise import sign as sign
from glassnet.ops.elementwise import sqrt as sqrt
from glassnet.ops.elementwise import square as square
from glassnet.ops.elementwise import subtract as subtract
from glassnet.ops.shaping import broadcast_to as broadcast_to
from glassnet.ops.shaping import expand_dims as expand_dims
from glassnet.ops.shaping import full as full
from glassnet.ops.shaping import ones as ones
from glassnet.ops.shaping import ones_like as ones_like
from glassnet.ops.shaping import reshape as reshape
from glassnet.ops.shaping import shape as shape
from glassnet.ops.shaping import squeeze as squeeze
from glassnet.ops.shaping import transpose as transpose
from glassnet.ops.shaping import zeros as zeros
from glassnet.ops.shaping import zeros_like as zeros_like
from glassnet.ops.reduction import max as max
from glassnet.ops.reduction import mean as mean
from glassnet.ops.reduction import min as min
from glassnet.ops.reduction import sum as sum
from glassnet.ops.linear import matmul as matmul
