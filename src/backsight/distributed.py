"""Which process this is, of those that train together.

There are two sources. Where a process group of PyTorch is initialised, the group decides. Before
that, and without one, the launcher's environment variables do, as torchrun sets them: ``RANK``,
``WORLD_SIZE`` and ``LOCAL_WORLD_SIZE``. A process that neither tells anything is alone.

A launched process whose group is not initialised yet (or which never makes one) already has a rank:
otherwise each of them would write the same files before the group is there. Only a collective
operation needs the group itself: ask :func:`has_group`.

This module never imports torch: without torch in the process there is no group.
"""

import os
import sys
from typing import Any

__all__ = ["has_group", "is_first_process", "launched", "rank", "world_size"]


def has_group() -> bool:
    """Whether a process group is initialised, so that collective operations work.

    Example:
        >>> import torch
        >>> from backsight.distributed import has_group
        >>> if has_group():
        ...     torch.distributed.barrier()
        >>> has_group()
        False
    """
    return _group() is not None


def rank() -> int:
    """This process's number among all, from 0.

    Example:
        >>> from unittest.mock import patch
        >>> from backsight.distributed import rank
        >>> rank()
        0
        >>> with patch.dict("os.environ", RANK="2", WORLD_SIZE="4"):  # as torchrun sets them
        ...     print(rank())
        2
    """
    group = _group()
    return _variable("RANK", 0) if group is None else int(group.get_rank())


def world_size() -> int:
    """The number of processes that train together; 1 for a process that is alone.

    Example:
        >>> from unittest.mock import patch
        >>> from backsight.distributed import world_size
        >>> world_size()
        1
        >>> with patch.dict("os.environ", RANK="2", WORLD_SIZE="4"):  # as torchrun sets them
        ...     print(world_size())
        4
    """
    group = _group()
    return launched()[1] if group is None else int(group.get_world_size())


def is_first_process() -> bool:
    """Whether this is the process that writes files, records and prints for all of them.

    Example:
        >>> from unittest.mock import patch
        >>> from backsight.distributed import is_first_process
        >>> with patch.dict("os.environ", RANK="2", WORLD_SIZE="4"):  # as torchrun sets them
        ...     print(is_first_process())
        False
    """
    return rank() == 0


def launched() -> tuple[int, int]:
    """The numbers of processes that the launcher has started: on this machine, and in all.

    Example:
        >>> from unittest.mock import patch
        >>> from backsight.distributed import launched
        >>> launched()
        (1, 1)
        >>> with patch.dict("os.environ", LOCAL_WORLD_SIZE="2", WORLD_SIZE="4"):  # as torchrun does
        ...     print(launched())
        (2, 4)
    """
    return _variable("LOCAL_WORLD_SIZE", 1), _variable("WORLD_SIZE", 1)


def _group() -> Any | None:
    """``torch.distributed`` where its default group is initialised."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not distributed.is_available():
        return None
    return distributed if distributed.is_initialized() else None


def _variable(name: str, default: int) -> int:
    """A whole number from the environment; what is none was not set by a launcher."""
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return default
