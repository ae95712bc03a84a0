"""Every test runs with every recorded graph held against the specification of a legal graph.

Models run on the NumPy engine, the definition of all values, unless a test asks for another one or
``GLASSNET_ENGINE`` says so. Tests marked `thorough` run where ``--thorough`` asks for them.
"""

import gc
import os
import signal

import pytest

from glassnet import config

# A job in the background of a shell is born deaf to Ctrl-C; tests of interrupts need ears.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
config.set_check_graphs(True)
if not os.environ.get("GLASSNET_ENGINE"):
    config.set_engine("numpy")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough", action="store_true", help="also run the tests that try more of the same"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--thorough"):
        return
    left = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if not item.get_closest_marker("thorough")]


def pytest_collection_finish() -> None:
    # Modules and tests stay to the end: the collector of garbage need not look at them each time.
    gc.collect()
    gc.freeze()
