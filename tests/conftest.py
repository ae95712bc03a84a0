"""Every test runs with every recorded graph held against the specification of a legal graph.

Models run on the NumPy engine, the definition of all values, unless a test asks for another one or
``GLASSNET_ENGINE`` says so.
"""

import os

from glassnet import config

config.set_check_graphs(True)
if not os.environ.get("GLASSNET_ENGINE"):
    config.set_engine("numpy")
