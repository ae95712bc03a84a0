from glassnet.ops.elementwise import *
from glassnet.ops.reduction import *
from glassnet.ops.shaping import *
from glassnet.ops.linear import *
