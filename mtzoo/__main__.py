"""`python -m mtzoo` is `mtzoo`."""

import sys

from mtzoo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
