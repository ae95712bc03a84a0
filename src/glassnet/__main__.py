"""``python -m glassnet`` is the command ``glassnet``."""

import sys

from glassnet.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
