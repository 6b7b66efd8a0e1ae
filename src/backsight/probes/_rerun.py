"""Running a module again, and leaving it as it was.

What a module of PyTorch's does is known. A user's own ``forward`` may print, count or draw: its
bytecode is read first, and whatever is not known to be a plain computation is not run again. What
it is known to touch, such as buffers that a norm updates, is put back.
"""

import builtins
import dis
import inspect
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as _everybody
from torch.utils import _pytree as tree

from backsight.probes._modules import named_modules
from backsight.probes._tensors import tensors_in

__all__ = ["PLAIN", "as_it_was", "autocast_now", "may_run_again", "taken_apart"]

PLAIN = (bool, int, float, str, type(None))
"""Kinds of arguments that are told apart by their values."""

KNOWN = ("torch", "backsight", "math", "einops")
"""Packages whose functions leave no trace, but for the numbers that are drawn."""

WRITES = ("STORE_", "DELETE_", "IMPORT_", "YIELD_")
"""Instructions that begin so may reach beyond a call,"""
LOCAL = ("STORE_FAST", "DELETE_FAST")
"""but for these."""
READS = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD")
"""Instructions that read an attribute."""

HARMLESS = frozenset(
    {len, range, zip, enumerate, min, max, sum, abs, tuple, list, dict, set, int, float, bool}
    | {isinstance, reversed, sorted, any, all, map, slice, str, type, super, round, pow, divmod}
)
"""Built-in functions that leave no trace."""

BEYOND = frozenset(
    {"distributed", "save", "backward", "set_default_dtype", "set_default_device"}
    | {"set_grad_enabled", "set_num_threads", "autograd", "jit", "compile"}
)
"""What of these packages is not run again: it waits for other processes, or changes settings."""

TOGETHER = ("torch.distributed", "torch.nn.parallel")
"""Where PyTorch's modules are that wait for other processes."""

CONTAINERS = (list, dict, set, deque)

UNHOOKED = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

FUNCTIONS = 200
"""Looked at, at most."""


def may_run_again(module: nn.Module) -> bool:
    """Whether running ``module`` once more is known to leave no trace outside it.

    Nobody may have hung hooks on it, and a ``forward`` of the user's own may only compute.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import may_run_again
        >>> gru = nn.GRUCell(3, 4)
        >>> before, handle = may_run_again(gru), gru.register_forward_hook(print)
        >>> before, may_run_again(gru)
        (True, False)
    """
    if _everybody._global_forward_hooks or _everybody._global_forward_pre_hooks:
        return False
    parts = [part for _, part in named_modules(module)]
    code = _Code(parts)
    for part in parts:
        held = vars(part)
        if any(held.get(name) for name in UNHOOKED) or "forward" in held or "__call__" in held:
            return False
        forward = inspect.getattr_static(type(part), "forward", None)
        call = inspect.getattr_static(type(part), "__call__", None)
        if call is not inspect.getattr_static(nn.Module, "__call__"):
            return False
        if type(part).__module__.startswith(TOGETHER):
            return False
        if not isinstance(forward, types.FunctionType) or not code.is_plain(forward):
            return False
    return True


def taken_apart(given: Any) -> tuple[list[Any], Any] | None:
    """The tensors and plain values in arguments, and how to put them together again.

    None where there is anything else among them, such as an object of the user's own.

    Example:
        >>> from backsight.probes import taken_apart
        >>> taken_apart(((1, [2.0]), {"by": "row"}))[0], taken_apart([object()])
        ([1, 2.0, 'row'], None)
    """
    try:
        leaves, spec = tree.tree_flatten(given)
    except RecursionError:  # a list in itself
        return None
    tensors = sum(isinstance(one, Tensor) for one in leaves)
    known = all(isinstance(one, (Tensor, *PLAIN)) for one in leaves)
    return (leaves, spec) if known and tensors == len([*tensors_in(given)]) else None


def autocast_now(like: Tensor) -> torch.dtype | None:
    """What autocast computes in on that tensor's device; None where it is off.

    Example:
        >>> import torch
        >>> from backsight.probes._rerun import autocast_now
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     print(autocast_now(torch.ones(2)))
        torch.bfloat16
    """
    kind = like.device.type
    if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
        return None
    return torch.get_autocast_dtype(kind)


@contextmanager
def as_it_was(
    module: nn.Module, like: Tensor | None = None, autocast: torch.dtype | None = None
) -> Iterator[None]:
    """Inside, ``module`` computes as in evaluation and without a graph; afterwards its modes, its
    buffers, what it holds and PyTorch's random numbers are as they were.

    Args:
        module: to be run.
        like: a tensor on its device, where it is to be run as under autocast;
        autocast: in that dtype, or without.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import as_it_was
        >>> norm = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
        >>> with as_it_was(norm):
        ...     plain = norm(torch.ones(3, 2))
        >>> norm.training, norm[0].num_batches_tracked.item(), plain.requires_grad
        (True, 0, False)
    """
    kept = [_Kept(part) for _, part in named_modules(module)]
    tensors = [one for _, part in named_modules(module) for one in _tensors_of(part)]
    values = [one.detach().clone() for one in tensors]
    devices = {one.device for one in tensors if one.device.type not in ("cpu", "meta")}
    device = next(iter(devices), None)
    with torch.random.fork_rng(
        [] if device is None else [device], device_type="cuda" if device is None else device.type
    ):
        try:
            for one in kept:
                one.part.__dict__["training"] = False
            with torch.no_grad(), _cast(like, autocast):
                yield
        finally:
            for one in kept:
                one.put_back()
            with torch.no_grad():
                for tensor, value in zip(tensors, values, strict=True):
                    if not torch.equal(tensor, value) and not _both_nan(tensor, value):
                        tensor.data.copy_(value)


def _cast(like: Tensor | None, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    if like is None or not torch.amp.is_autocast_available(like.device.type):
        return nullcontext()
    return torch.autocast(like.device.type, dtype, enabled=dtype is not None)


class _Kept:
    """What a module holds itself."""

    def __init__(self, part: nn.Module) -> None:
        self.part = part
        self._held = dict(vars(part))
        self._content = [(one, one.copy()) for one in self._held.values() if _may_fill(one)]

    def put_back(self) -> None:
        """Under the same names, the same objects, with the same content."""
        now = self.part.__dict__  # never empty in between: another thread may look at it
        for name, value in self._held.items():
            if now.get(name) is not value:
                now[name] = value
        for name in now.keys() - self._held.keys():
            del now[name]
        for one, content in self._content:
            if isinstance(one, (dict, set)):
                one.clear()
                one.update(content)
            elif isinstance(one, list):
                one[:] = content
            else:
                one.clear()
                one.extend(content)


def _may_fill(one: Any) -> bool:
    return type(one) in CONTAINERS


def _tensors_of(part: nn.Module) -> list[Tensor]:
    """Buffers, and tensors that are attributes: parameters, nobody is known to write into."""
    held = [*part._buffers.values(), *vars(part).values()]
    return [one for one in held if isinstance(one, Tensor)]


def _both_nan(one: Tensor, other: Tensor) -> bool:
    """Whether they are the same but for a NaN being unequal to itself."""
    return one.is_floating_point() and bool(torch.isclose(one, other, 0, 0, equal_nan=True).all())


class _Code:
    """Reads the functions of a module.

    Args:
        parts: the module, and those inside it.
    """

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        self._seen: set[int] = set()
        self._named: dict[str, list[types.FunctionType]] = {}
        """What any part of the module, or a class of one, has under a name. Whose method is called
        cannot be told, so that all of that name have to be plain."""
        places: list[Any] = [*parts, *(kind for part in parts for kind in type(part).__mro__)]
        for place in places:
            if isinstance(place, type) and _is_known(place):
                continue
            for name, value in vars(place).items():
                value = value.fget if isinstance(value, property) else value
                value = getattr(value, "__func__", value)
                if isinstance(value, types.FunctionType):
                    self._named.setdefault(name, []).append(value)

    def is_plain(self, function: Callable[..., Any]) -> bool:
        """Whether a Python function only computes."""
        function = inspect.unwrap(function)
        if id(function) in self._seen or _is_known(function):
            return True
        self._seen.add(id(function))
        if not isinstance(function, types.FunctionType) or len(self._seen) > FUNCTIONS:
            return False
        names = function.__code__.co_freevars
        closed = [
            cell.cell_contents
            for name, cell in zip(names, function.__closure__ or (), strict=True)
            if _is_filled(cell) and name != "__class__"  # which super() asks for
        ]
        return all(self._is_plain_value(one) for one in closed) and all(
            self._is_plain_instruction(one, function)
            for code in _codes(function.__code__)
            for one in dis.get_instructions(code)
        )

    def _is_plain_instruction(self, one: dis.Instruction, function: types.FunctionType) -> bool:
        if one.opname.startswith(WRITES) and not one.opname.startswith(LOCAL):
            return False
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            if one.argval in function.__globals__:
                return self._is_plain_value(function.__globals__[one.argval])
            found = getattr(builtins, one.argval, None)
            error = isinstance(found, type) and issubclass(found, BaseException)
            return error or (callable(found) and found in HARMLESS)
        name = one.argval if one.opname in READS else ""
        if name in BEYOND or (name.endswith("_") and not name.endswith("__")):
            return False  # x.add_(y) writes into a tensor
        return all(self.is_plain(each) for each in self._named.get(name, ()))

    def _is_plain_value(self, value: Any) -> bool:
        """Whether it leaves no trace to use it: a number, a package of numbers, a function."""
        if isinstance(value, (types.ModuleType, type)):
            return _is_known(value) or (isinstance(value, type) and value in HARMLESS)
        if value is None or isinstance(value, (int, float, str, tuple, torch.dtype, torch.device)):
            return True
        if isinstance(value, nn.Module) or not callable(value):
            return False
        return self.is_plain(value)


def _is_known(one: Any) -> bool:
    """By where it is defined; a function that is built in may only know whose it is."""
    name = None if isinstance(one, types.ModuleType) else getattr(one, "__module__", None)
    if not isinstance(name, str):
        owner = one if isinstance(one, types.ModuleType) else getattr(one, "__self__", None)
        name = getattr(
            owner, "__name__" if isinstance(owner, types.ModuleType) else "__module__", ""
        )
    return str(name).partition(".")[0] in KNOWN


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Of a function, and of those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - raises where there is none
    except ValueError:
        return False
    return True
