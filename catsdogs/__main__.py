"""`python -m catsdogs` is the command `catsdogs`. Written by hand: nbdev makes no __main__ module and leaves this one alone."""
import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
