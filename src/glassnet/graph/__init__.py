"""The graph: nodes, how they are recorded, ordered, differentiated and checked."""

from glassnet.graph.derivative import gradients as gradients
from glassnet.graph.dimension import Dim as Dim
from glassnet.graph.dimension import Shape as Shape
from glassnet.graph.dimension import Size as Size
from glassnet.graph.op import OPS as OPS
from glassnet.graph.op import Op as Op
from glassnet.graph.op import Sample as Sample
from glassnet.graph.order import topological as topological
from glassnet.graph.recording import Recording as Recording
from glassnet.graph.recording import as_tensor as as_tensor
from glassnet.graph.recording import current_recording as current_recording
from glassnet.graph.recording import record as record
from glassnet.graph.recording import recording as recording
from glassnet.graph.recording import scope as scope
from glassnet.graph.tensor import STEP as STEP
from glassnet.graph.tensor import Constant as Constant
from glassnet.graph.tensor import Placeholder as Placeholder
from glassnet.graph.tensor import Tensor as Tensor
from glassnet.graph.validity import IllegalGraph as IllegalGraph
from glassnet.graph.validity import check_graph as check_graph
from glassnet.graph.variable import Variable as Variable
