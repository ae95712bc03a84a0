"""Drawings of our own, as SVG: the block diagram of any model, the curves of a history."""

from glassnet.explain.diagram.diagrams import Diagram as Diagram
from glassnet.explain.diagram.diagrams import diagram as diagram
from glassnet.explain.diagram.diagrams import plot_model as plot_model
from glassnet.explain.diagram.picture import Picture as Picture
