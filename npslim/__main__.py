"""`python -m npslim COMMAND`: see `npslim.cli`."""

import sys

from npslim.cli import main

if __name__ == "__main__":
    sys.exit(main())
