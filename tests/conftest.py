"""Every test runs with every recorded graph held against the specification of a legal graph.

Models run on the NumPy engine, the definition of all values, unless a test asks for another one or
``GLASSNET_ENGINE`` says so.
"""

import os
import signal

from glassnet import config

# A job in the background of a shell is born deaf to Ctrl-C; tests of interrupts need ears.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
config.set_check_graphs(True)
if not os.environ.get("GLASSNET_ENGINE"):
    config.set_engine("numpy")
