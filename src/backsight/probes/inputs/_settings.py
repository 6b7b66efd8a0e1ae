"""What a caller says of a model's embedded inputs, where it is not to be found."""

import difflib
from collections.abc import Sequence
from typing import Any

from torch import nn

from backsight.errors import SettingError
from backsight.probes._modules import named_modules

__all__ = ["check_inputs", "check_layout", "listed_inputs", "no_such_module"]

SHOWN = 12
"""Candidates that a message lists."""


def listed_inputs(inputs: Any) -> list[str] | None:
    """One path or several, in a list; None where none is given.

    Raises:
        SettingError: they are no paths.

    Example:
        >>> from backsight.probes import listed_inputs
        >>> listed_inputs("embed"), listed_inputs(["text", "audio"]), listed_inputs(None)
        (['embed'], ['text', 'audio'], None)
    """
    if inputs is None:
        return None
    paths = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(paths, (list, tuple)) or not all(isinstance(one, str) for one in paths):
        raise SettingError(
            f"inputs must be the path of a module, or a list of such paths, not {inputs!r:.80}"
        )
    if not paths:
        raise SettingError("inputs must name at least one module; pass None to have them found")
    return list(paths)


def check_layout(layout: Any) -> None:
    """Raise a SettingError where it is none of those there are.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.probes import check_layout
        >>> check_layout("time")
        >>> try:
        ...     check_layout("batch_first")
        ... except SettingError as error:
        ...     print(error)
        layout must be 'auto', 'batch' for (B, T, ...) or 'time' for (T, B, ...), not 'batch_first'
    """
    if not isinstance(layout, str) or layout not in ("auto", "batch", "time"):
        raise SettingError(
            "layout must be 'auto', 'batch' for (B, T, ...) or 'time' for (T, B, ...), not "
            f"{layout!r:.80}"
        )


def check_inputs(model: nn.Module, named: Sequence[str] | None) -> None:
    """Raise a SettingError where ``model`` has no module of one of these paths.

    Example:
        >>> from torch import nn
        >>> from backsight.errors import SettingError
        >>> from backsight.probes import check_inputs
        >>> model = nn.ModuleDict({"embedding": nn.Embedding(5, 3), "head": nn.Linear(3, 2)})
        >>> check_inputs(model, ["embedding"])
        >>> try:
        ...     check_inputs(model, ["embeding"])
        ... except SettingError as error:
        ...     print(error)
        ModuleDict has no module 'embeding': its modules are embedding, head
    """
    paths = [path for path, _ in named_modules(model)]
    for one in named or ():
        if one not in paths:
            raise SettingError(no_such_module(type(model).__name__, one, paths))


def no_such_module(kind: str, wanted: str, paths: Sequence[str]) -> str:
    """What is said of a path that no module has: those there are, best match first.

    Example:
        >>> from backsight.probes import no_such_module
        >>> no_such_module("Net", "embd", ["head", "embed"])
        "Net has no module 'embd': its modules are embed, head"
    """

    def likeness(path: str) -> float:
        last = path.rpartition(".")[2]
        return max(difflib.SequenceMatcher(None, wanted, known).ratio() for known in (path, last))

    known = sorted((path for path in paths if path), key=likeness, reverse=True)
    listed = ", ".join(known[:SHOWN]) or "none"
    if len(known) > SHOWN:
        listed += f" and {len(known) - SHOWN:,} more"
    return f"{kind} has no module {wanted!r:.80}: its modules are {listed}"
