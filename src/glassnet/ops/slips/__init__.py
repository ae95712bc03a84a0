"""The wrong derivative rules that people write for the ops, on arrays.

The doctor tries them; see `glassnet.graph.slip`. What people write was gathered from questions and
from first implementations: course forums, question-and-answer sites, homework graders.
"""

from glassnet.ops.slips.convolution import CONVOLUTION as CONVOLUTION
from glassnet.ops.slips.pooling import AVERAGE_POOL as AVERAGE_POOL
from glassnet.ops.slips.pooling import MAX_POOL as MAX_POOL
from glassnet.ops.slips.products import MATMUL as MATMUL
from glassnet.ops.slips.products import PICK as PICK
from glassnet.ops.slips.products import QUOTIENT as QUOTIENT
from glassnet.ops.slips.products import SOFTMAX as SOFTMAX
