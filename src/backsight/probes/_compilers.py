"""Staying out of the way where PyTorch itself looks at a model.

A tracer, a compiler, a transformation of functions, a dispatch mode that counts operations: each
takes what runs for the model's own. There nothing of ours may run an operation; the run says what
was not measured for that.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from torch.utils._device import DeviceContext

__all__ = [
    "compilers_take",
    "compiling",
    "inspection",
    "left_by_compilers",
    "skipped",
    "undisturbed",
]

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Operations inside are seen by no dispatch mode and no function mode.

    Example:
        >>> import torch
        >>> from torch.utils.flop_counter import FlopCounterMode
        >>> from backsight.probes import undisturbed
        >>> with FlopCounterMode(display=False) as counter, undisturbed():
        ...     product = torch.ones(2, 2) @ torch.ones(2, 2)
        >>> counter.get_total_flops()
        0
    """
    with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch():
        yield


def skipped(function: Function, *, inside: bool = True) -> Function:
    """``function``, which compilers run as it is where they did not inline its caller.

    ``torch.compiler.disable`` would do, were it not an error where the whole graph is asked for.

    Args:
        function: of Python.
        inside: whether what it calls is left alone, too.

    Example:
        >>> from backsight.probes import skipped
        >>> def double(x):
        ...     return 2 * x
        >>> skipped(double)(3)
        6
    """
    compiler: Any = torch._C._dynamo.eval_frame
    code = function.__code__
    if hasattr(compiler, "set_code_exec_strategy"):
        skip, default = compiler._FrameAction.SKIP, compiler._FrameAction.DEFAULT
        strategy = compiler._FrameExecStrategy(skip, skip if inside else default)
        compiler.set_code_exec_strategy(code, strategy)
    elif not inside:  # before PyTorch 2.7
        compiler.skip_code(code)
    else:
        return cast(Function, left_by_compilers(function))
    return function


# Asked at every call of a cell: looked up once.
_tracing_state = torch._C._get_tracing_state
_functorch_level = torch._C._functorch.maybe_current_level
_dispatch_modes = torch._C._len_torch_dispatch_stack
_function_modes = torch._C._len_torch_function_stack

compiling: Callable[[], bool] = (
    functools.partial(getattr, torch.compiler, "_is_compiling_flag")
    if hasattr(torch.compiler, "_is_compiling_flag")
    else torch.compiler.is_compiling
)
"""As ``torch.compiler.is_compiling``, of eager code: it asks TorchScript first, which never runs
this, by two more calls of Python functions."""


@functools.partial(skipped, inside=False)
def inspection() -> str:
    """What of PyTorch's looks at the operations of this thread; empty for nothing.

    Example:
        >>> from torch.utils.flop_counter import FlopCounterMode
        >>> from backsight.probes import inspection
        >>> with FlopCounterMode(display=False):
        ...     inspection()
        'the dispatch mode FlopCounterMode'
    """
    if compiling():
        return "torch.compile or torch.export"
    if _tracing_state() is not None:
        return "torch.jit.trace"
    if _functorch_level() is not None:
        return "torch.func"
    if dispatched := _dispatch_modes():
        mode = torch._C._get_dispatch_stack_at(dispatched - 1)
        return f"the dispatch mode {type(mode).__name__.lstrip('_')}"
    for place in range(_function_modes()):
        mode = torch._C._get_function_stack_at(place)
        if not isinstance(mode, DeviceContext):  # torch.set_default_device
            return f"the function mode {type(mode).__name__.lstrip('_')}"
    return ""


def compilers_take(known: Callable[..., Any], instead: Callable[..., Any]) -> None:
    """Let compilers take ``instead`` for ``nn.Module.__call__`` as PyTorch has it, not ``known``.

    They go straight to ``forward`` then, as they do where nothing is observed: the graph, and the
    frames that it remembers, are the same. Whichever is in place when they are imported, they keep.

    Example:
        >>> import torch
        >>> from torch._dynamo.variables import nn_module
        >>> from backsight.probes import compilers_take
        >>> def instead(self, *args):
        ...     return self.forward(*args)
        >>> usual = nn_module.unpatched_nn_module_call
        >>> compilers_take(usual, instead)
        >>> nn_module.unpatched_nn_module_call is instead
        True
        >>> compilers_take(instead, usual)
    """
    for place in ("utils", "variables.nn_module"):
        module = sys.modules.get(f"torch._dynamo.{place}")
        if getattr(module, "unpatched_nn_module_call", None) is known:
            module.unpatched_nn_module_call = instead  # type: ignore[union-attr]


def left_by_compilers(function: Callable[..., Any]) -> Callable[..., Any]:
    """As ``torch.compiler.disable``, which imports the compiler: here, not before the first call.

    That takes nearly as long as importing PyTorch itself. A training has imported it by then, as
    the first optimizer does; a script that trains nothing does not wait for it.

    Example:
        >>> from backsight.probes import left_by_compilers
        >>> looked = []
        >>> look = left_by_compilers(looked.append)
        >>> look(1)
        >>> looked
        [1]
    """
    if "torch._dynamo" in sys.modules:
        return _disabled(function)
    known: Callable[..., Any] | None = None

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal known
        if known is None:
            known = _disabled(function)
        return known(*arguments, **named)

    return call


def _disabled(function: Callable[..., Any]) -> Callable[..., Any]:
    found: Callable[..., Any] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
    return found
