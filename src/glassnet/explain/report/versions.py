"""Which programs a report was made with."""

from __future__ import annotations

import platform
from importlib import metadata

import numpy as np


def versions() -> dict[str, str]:
    """Return the versions of glassnet, NumPy and Python, and the system they ran on."""
    try:
        own = metadata.version("glassnet")
    except metadata.PackageNotFoundError:  # run from its source
        own = "from source"
    return {
        "glassnet": own,
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": f"{platform.system()}, {platform.machine()}",
    }
