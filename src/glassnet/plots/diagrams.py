"""The block diagram of a model, which is SVG of our own and needs no Matplotlib."""

from glassnet.explain.diagram.diagrams import Diagram as Diagram
from glassnet.explain.diagram.diagrams import diagram as diagram
