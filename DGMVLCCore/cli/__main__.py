"""`python -m DGMVLCCore.cli`: the same as `dgmvlc`."""

import sys

from DGMVLCCore.cli import main

if __name__ == "__main__":
    sys.exit(main())
