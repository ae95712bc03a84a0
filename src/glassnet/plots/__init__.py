"""Figures, drawn with Matplotlib, which is imported when a figure is asked for."""

from glassnet.plots.comparison import draw_losses as draw_losses
from glassnet.plots.comparison import draw_paths as draw_paths
