"""Figures, drawn with Matplotlib, which is imported when a figure is asked for."""

from glassnet.plots.animation import animate as animate
from glassnet.plots.boundaries import boundary as boundary
from glassnet.plots.comparison import draw_losses as draw_losses
from glassnet.plots.comparison import draw_paths as draw_paths
from glassnet.plots.curves import learning_curves as learning_curves
from glassnet.plots.descent import descent_paths as descent_paths
from glassnet.plots.diagrams import Diagram as Diagram
from glassnet.plots.diagrams import diagram as diagram
from glassnet.plots.errors import residuals as residuals
from glassnet.plots.errors import worst_examples as worst_examples
from glassnet.plots.evaluation import calibration as calibration
from glassnet.plots.evaluation import confusion_matrix as confusion_matrix
from glassnet.plots.filters import feature_maps as feature_maps
from glassnet.plots.filters import filters as filters
from glassnet.plots.functions import activation as activation
from glassnet.plots.functions import activations as activations
from glassnet.plots.landscapes import loss_landscape as loss_landscape
from glassnet.plots.landscapes import training_path as training_path
from glassnet.plots.network import network as network
from glassnet.plots.neurons import neuron_maps as neuron_maps
from glassnet.plots.signals import distributions as distributions
from glassnet.plots.signals import initializations as initializations
from glassnet.plots.solids import surface as surface
from glassnet.plots.thresholds import precision_recall as precision_recall
from glassnet.plots.thresholds import roc as roc
from glassnet.plots.weights import weights as weights
