"""`python -m catsdogs` is the command `catsdogs`. Written by hand: nbdev makes no such module and leaves it alone."""
import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
