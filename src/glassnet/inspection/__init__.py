"""What pictures and reports show, as arrays: scores, boundaries, signals, landscapes."""

from glassnet.inspection.signals import Signal as Signal
from glassnet.inspection.signals import Signals as Signals
from glassnet.inspection.signals import signals as signals
