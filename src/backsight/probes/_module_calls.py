"""Forward calls of modules, seen without leaving anything on the modules.

A hook on a module is copied, pickled, scripted, traced and compiled with it. So calls are seen
where they all pass, for as long as somebody watches: in ``nn.Module.__call__``; and, for PyTorch's
own recurrent classes, in ``forward``, which ``layer.forward(x)`` and a subclass's
``super().forward(x)`` reach as well, with the arguments and the result that the class documents.

Modules are told apart by identity alone. Where PyTorch itself looks at the model, nobody is told.
"""

import sys
import threading
import weakref
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import torch
from torch import nn

from backsight.probes._compilers import compilers_take, compiling, inspection, skipped

__all__ = ["After", "Before", "ModuleCalls"]

Before = Callable[[nn.Module, Any, Any], None]
"""Takes the module, its positional arguments and those by name."""
After = Callable[[nn.Module, Any, Any, Any], None]
"""Takes the result, too."""

RECURRENT = (nn.RNN, nn.GRU, nn.LSTM, nn.RNNCell, nn.GRUCell, nn.LSTMCell)


class ModuleCalls:
    """Watches forward calls until it is closed.

    Args:
        failed: told of what one of the watchers raised; that one is not asked again.
        strangers: told of every module that is called and has not been met, nor named to
            :meth:`know`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import ModuleCalls
        >>> rnn, calls = nn.RNN(3, 4), ModuleCalls(print)
        >>> def told(rnn, args, named, result):
        ...     print(tuple(result[0].shape))
        >>> stop = calls.watch(rnn, after=told)
        >>> states, last = rnn.forward(torch.zeros(6, 2, 3))
        (6, 2, 4)
        >>> calls.close()
    """

    def __init__(
        self,
        failed: Callable[[Exception], None],
        strangers: Callable[[nn.Module], None] | None = None,
    ) -> None:
        self._failed = failed
        self._strangers = strangers
        self.curious = strangers is not None
        self.looker = ""
        """What of PyTorch's looked on when a module was called that is not known."""
        self.known: dict[int, weakref.ref[nn.Module]] = {}
        """By identity."""
        self._watchers: dict[int, _Watcher] = {}
        """By identity."""
        self._closed = False
        _open(self)

    def watch(
        self, module: nn.Module, *, before: Before | None = None, after: After | None = None
    ) -> Callable[[], None]:
        """Tell of each call of ``module``, which is not kept alive, until the result is called.

        Of a recurrent layer or cell of PyTorch's these are the calls of its class's ``forward``;
        of a subclass that never calls it, its own.
        """
        watcher = _Watcher(self, module, before, after)
        self._watchers[id(watcher)] = watcher
        entry = _watched(module)
        entry.tell((*entry.watchers, watcher))
        return watcher.leave

    def know(self, module: nn.Module) -> None:
        """Tell no longer that ``module`` is called."""
        number = id(module)
        if number not in self.known:
            self.known[number] = weakref.ref(module, lambda _: self.known.pop(number, None))

    def forget(self, module: nn.Module) -> None:
        """Tell again when ``module`` is called."""
        self.known.pop(id(module), None)

    def close(self) -> None:
        """Tell of nothing any longer; the last one leaves PyTorch as it was."""
        if self._closed:
            return
        self._closed = True
        for watcher in list(self._watchers.values()):
            watcher.leave()
        self.known.clear()
        _close(self)

    def meet(self, module: nn.Module) -> None:
        """A module is called that is not known."""
        _deepen()
        if self._strangers is not None:
            self.know(module)
            try:
                with torch._C.DisableTorchFunctionSubclass():
                    self._strangers(module)
            except Exception as error:  # noqa: BLE001 - must not reach the forward
                self._failed(error)

    def let_go(self, watcher: "_Watcher") -> None:
        """It is told no longer."""
        self._watchers.pop(id(watcher), None)

    def fail(self, error: Exception) -> None:
        """What a watcher raised."""
        self._failed(error)


class _Watcher:
    """Somebody who is told of the calls of one module."""

    def __init__(
        self, owner: ModuleCalls, module: nn.Module, before: Before | None, after: After | None
    ) -> None:
        self.owner, self.before, self.after = owner, before, after
        self._module = weakref.ref(module)

    def leave(self) -> None:
        self.owner.let_go(self)
        module = self._module()
        entry = None if module is None else _modules.get(id(module))
        if entry is not None:
            entry.tell(tuple(one for one in entry.watchers if one is not self))
            if not entry.watchers:
                _modules.pop(id(module), None)

    def failed(self, error: Exception) -> None:
        """It is not told again of anything."""
        self.owner.fail(error)
        self.leave()


class _Watched:
    """A module whose calls somebody is told of."""

    __slots__ = ("after", "alive", "before", "by_forward", "watchers")

    def __init__(self, module: nn.Module) -> None:
        number = id(module)
        self.alive = weakref.ref(module, lambda _: _modules.pop(number, None))
        self.tell(())
        self.by_forward = issubclass(type(module), RECURRENT)

    def tell(self, watchers: "tuple[_Watcher, ...]") -> None:
        """From now on, those: sorted once by what they are told, and not at every call."""
        self.watchers = watchers
        self.before = [(one, one.before) for one in watchers if one.before is not None]
        self.after = [(one, one.after) for one in watchers if one.after is not None]


_modules: dict[int, _Watched] = {}
"""By identity; an entry goes with its module."""
_opened: list[ModuleCalls] = []
_curious: list[ModuleCalls] = []
"""Those that are told of strangers."""
_patched: list[tuple[Any, str, Callable[..., Any], Callable[..., Any]]] = []
"""Of which class or module, its name, what PyTorch has there, and what is there now."""
_limits = 0, 0
"""The recursion limit as it was, and as it is while modules are watched; zeros before the first."""


class _Here(threading.local):
    """Calls of recurrent modules that are under way in a thread."""

    @skipped
    def __init__(self) -> None:
        self.calls: list[list[Any]] = []
        """Of each, the identity of its module, and whether its class's ``forward`` was reached."""


_here = _Here()


def _watched(module: nn.Module) -> _Watched:
    _deepen()
    entry = _modules.get(id(module))
    if entry is None:
        entry = _modules[id(module)] = _Watched(module)
    return entry


@skipped
def _meet(owner: ModuleCalls, module: nn.Module) -> None:
    if looker := inspection():
        owner.looker = looker
    else:
        owner.meet(module)


@skipped
def _begin(entry: _Watched, module: nn.Module, args: Any, kwargs: Any) -> None:
    """A call begins, on which nothing of PyTorch's looks."""
    for watcher, action in entry.before:
        try:
            with torch._C.DisableTorchFunctionSubclass():  # a tensor of the user's own class
                action(module, args, kwargs)
        except Exception as error:  # noqa: BLE001 - must not reach the forward that is called
            watcher.failed(error)


@skipped
def _end(entry: _Watched, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
    """It has ended; its beginning has seen that nothing of PyTorch's looks on."""
    for watcher, action in entry.after:
        try:
            with torch._C.DisableTorchFunctionSubclass():
                action(module, args, kwargs, result)
        except Exception as error:  # noqa: BLE001 - likewise
            watcher.failed(error)


# A loop calls its cell hundreds of times in a step, and a call of a Python function costs as much
# as all that is decided here: so the two wrappers look themselves, and ask nobody.


def _told_call(call: Callable[..., Any]) -> Callable[..., Any]:
    """``nn.Module.__call__``, told.

    Of a recurrent module, what is told is its class's ``forward``, if that is reached.
    """

    @wraps(call)
    def told(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if compiling():
            return call(self, *args, **kwargs)
        number = id(self)
        for owner in _curious:
            if number not in owner.known:
                _meet(owner, self)
        entry = _modules.get(number)
        if entry is None:
            return call(self, *args, **kwargs)
        if entry.by_forward:
            calls, mine = _here.calls, [number, False]
            calls.append(mine)
            try:
                result = call(self, *args, **kwargs)
            finally:
                calls.pop()
            if mine[1]:
                return result
            entry.by_forward = False
            if inspection():
                return result
        elif inspection():
            return call(self, *args, **kwargs)
        else:
            if entry.before:
                _begin(entry, self, args, kwargs)
            result = call(self, *args, **kwargs)
        if entry.after:
            _end(entry, self, args, kwargs, result)
        return result

    return told


def _told_forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    """``forward`` of a recurrent class, told.

    With the same defaults: compilers, which look through it, guard them.
    """

    @wraps(forward)
    def told(self: nn.Module, input: Any, hx: Any = None) -> Any:  # noqa: A002 - PyTorch's name
        if compiling():
            return forward(self, input, hx)
        number, calls = id(self), _here.calls
        if calls and calls[-1][0] == number:
            calls[-1][1] = True
        else:
            for owner in _curious:
                if number not in owner.known:
                    _meet(owner, self)
        entry = _modules.get(number)
        given = (input,) if hx is None else (input, hx)
        if entry is None or not entry.by_forward or inspection():
            return forward(self, *given)
        if entry.before:
            _begin(entry, self, given, {})
        result = forward(self, *given)
        if entry.after:
            _end(entry, self, given, {}, result)
        return result

    return told


def _untold(create: Callable[..., Any]) -> Callable[..., Any]:
    """What makes TorchScript of a module's source, which is read as PyTorch has it."""

    @wraps(create)
    def untold(*args: Any, **kwargs: Any) -> Any:
        told = [each for each in _patched if isinstance(each[0], type) and _in_place(*each)]
        for kind, name, original, _ in told:
            setattr(kind, name, original)
        try:
            return create(*args, **kwargs)
        finally:
            for kind, name, _, mine in told:
                setattr(kind, name, mine)

    return untold


def _open(calls: ModuleCalls) -> None:
    if not _opened:
        _patch(nn.Module, "__call__", _told_call)
        for kind in RECURRENT:
            _patch(kind, "forward", _told_forward)
        _patch(torch.jit._recursive, "create_script_module", _untold)
    _opened.append(calls)
    if calls.curious:
        _curious.append(calls)


def _close(calls: ModuleCalls) -> None:
    for group in (_opened, _curious):
        if calls in group:
            group.remove(calls)
    if not _opened:
        for kind, name, original, told in _patched:
            if _in_place(kind, name, original, told):  # else somebody has wrapped ours, unheard
                setattr(kind, name, original)
            compilers_take(told, original)
        _patched.clear()
        _flatten()


def _deepen() -> None:
    """A module's call takes three frames of PyTorch's, and one of ours: as many calls as before
    have to fit into each other."""
    global _limits
    if _limits[1]:
        return
    before = sys.getrecursionlimit()
    _limits = before, before + before // 3 + 1
    sys.setrecursionlimit(_limits[1])


def _flatten() -> None:
    global _limits
    if sys.getrecursionlimit() == _limits[1]:  # else it is somebody else's
        sys.setrecursionlimit(_limits[0])
    _limits = 0, 0


def _in_place(kind: Any, name: str, _: Any, told: Any) -> bool:
    return getattr(kind, name) is told


def _patch(
    kind: type[nn.Module] | ModuleType,
    name: str,
    tell: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> None:
    original = getattr(kind, name)
    told = skipped(tell(original), inside=False)
    # Compilers look through it: nothing of ours is in their graphs, frames and guards.
    told._torchdynamo_inline = original  # type: ignore[attr-defined]
    _patched.append((kind, name, original, told))
    setattr(kind, name, told)
    compilers_take(original, told)
