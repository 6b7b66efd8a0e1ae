"""Gives memory back that answers needed for a moment.

Python frees what an answer took, but the allocator of the C library keeps most of it, in a pool per
thread, in pieces that the next answer may not fit into. Beside a run that grows, and so do the
answers about it, a server would take more and more of the machine that trains.
"""

import ctypes
import functools
import gc
from typing import Any

__all__ = ["give_back", "prepare"]

POOLS = 2
"""As many as answers can be made at a time in one process of Python, more or less."""

M_ARENA_MAX = -8
"""Of ``malloc.h``."""


@functools.cache
def _library() -> Any:
    """The C library, if it is glibc; None for any other."""
    try:
        library = ctypes.CDLL(None)
        return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
    except (OSError, TypeError):
        return None


def prepare() -> bool:
    """In all of a process that does nothing but answer: few pools of memory for all threads, and
    what was imported by now is not searched each time for what only holds itself.

    Returns:
        whether few pools are known how to get here.
    """
    gc.collect()
    gc.freeze()
    library = _library()
    return library is not None and bool(library.mallopt(M_ARENA_MAX, POOLS))


def give_back() -> bool:
    """Return to the system what is free, after what only holds itself, as figures do: some 5 ms.

    Returns:
        whether there was anything.
    """
    gc.collect()
    library = _library()
    return library is not None and bool(library.malloc_trim(ctypes.c_size_t(0)))
