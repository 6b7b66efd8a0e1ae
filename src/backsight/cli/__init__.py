"""The command line: one file a command, each a thin shell over the library.

Exit status: 0 fine, 1 findings, 2 wrong use or unreadable input, 130 stopped by Ctrl-C.
"""

from backsight.cli._main import main

__all__ = ["main"]
