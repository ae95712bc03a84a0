"""What pictures and reports show, as arrays: scores, boundaries, signals, landscapes."""

from glassnet.inspection.boundaries import Boundary as Boundary
from glassnet.inspection.boundaries import boundary as boundary
from glassnet.inspection.functions import ActivationCurve as ActivationCurve
from glassnet.inspection.functions import activation_curve as activation_curve
from glassnet.inspection.functions import activation_curves as activation_curves
from glassnet.inspection.landscapes import LossLandscape as LossLandscape
from glassnet.inspection.landscapes import PathLandscape as PathLandscape
from glassnet.inspection.landscapes import loss_landscape as loss_landscape
from glassnet.inspection.landscapes import training_path as training_path
from glassnet.inspection.neurons import LayerMap as LayerMap
from glassnet.inspection.neurons import NeuronMaps as NeuronMaps
from glassnet.inspection.neurons import neuron_maps as neuron_maps
from glassnet.inspection.signals import Signal as Signal
from glassnet.inspection.signals import Signals as Signals
from glassnet.inspection.signals import signals as signals
