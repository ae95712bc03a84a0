"""Every test runs with every recorded graph held against the specification of a legal graph."""

from glassnet import config

config.set_check_graphs(True)
