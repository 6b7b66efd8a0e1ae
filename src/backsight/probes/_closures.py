"""Closures that compute the gradients inside an optimizer's step.

Where an optimizer evaluates its closure once, before anything else, that is an ordinary iteration:
when the closure returns, the gradients are those that the weights are moved by.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim import LBFGS, Optimizer

from backsight.probes._compilers import inspection, undisturbed
from backsight.probes._parameters import tensor_norms

__all__ = ["Closures", "closure_of"]

StepArguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional arguments of ``step``, the optimizer first, and named ones."""


def closure_of(args: tuple[Any, ...], named: Mapping[str, Any]) -> Callable[..., Any] | None:
    """The closure in the arguments that a step hook gets; None where there is none.

    Args:
        args: positional arguments of ``step``, the optimizer first.
        named: the others.

    Example:
        >>> import torch
        >>> from backsight.probes import closure_of
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> closure_of((optimizer, len), {}), closure_of((optimizer,), {"closure": None})
        (<built-in function len>, None)
    """
    closure = args[1] if len(args) > 1 else named.get("closure")
    return closure if callable(closure) else None


class Closures:
    """Tells when the closure of a step has been evaluated, and which optimizers do so once.

    PyTorch's own optimizers do, except ``LBFGS``. Any other class shows it in its first step: it
    has not moved the weights before it evaluates the closure, and does not evaluate it again (as
    sharpness-aware ones do).

    Example:
        >>> import torch
        >>> from backsight.probes import Closures
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> optimizer = torch.optim.SGD([weight], lr=0.5)
        >>> def closure():
        ...     loss = weight.square().sum()
        ...     loss.backward()
        ...     return loss
        >>> closures, seen = Closures(), []
        >>> def hook(optimizer, args, named):
        ...     look = lambda loss: seen.append((loss.item(), weight.grad.item(), weight.item()))
        ...     return closures.watched(optimizer, args, named, look)
        >>> handle = optimizer.register_step_pre_hook(hook)
        >>> _ = optimizer.step(closure)
        >>> seen, weight.item(), closures.once(optimizer)
        ([(1.0, 2.0, 1.0)], 0.0, True)
    """

    def __init__(self) -> None:
        self._once: WeakKeyDictionary[Optimizer, bool] = WeakKeyDictionary()

    def once(self, optimizer: Optimizer) -> bool | None:
        """Whether it evaluates a closure once in a step, with the weights as they were before.

        None where its first step has yet to show it.
        """
        if isinstance(optimizer, LBFGS):
            return False
        defined = getattr(type(optimizer).step, "__module__", None) or ""
        return self._once.get(optimizer, True if defined.startswith("torch.optim.") else None)

    def watched(
        self,
        optimizer: Optimizer,
        args: tuple[Any, ...],
        named: dict[str, Any],
        evaluated: Callable[[Any], None] | None = None,
    ) -> StepArguments | None:
        """The arguments of a step with a closure in them that is watched, for a hook to return.

        Args:
            optimizer: the one that is about to step.
            args: positional arguments of its ``step``, itself first; with a closure in them,
            named: or in these.
            evaluated: called with what the closure returns, after each evaluation and before the
                optimizer goes on. What it raises, the optimizer's ``step`` raises.

        Returns:
            None where there is nothing to watch for.
        """
        closure, once = closure_of(args, named), self.once(optimizer)
        if closure is None or (evaluated is None and once is False):
            return None
        before = _sizes(optimizer) if once is None else None
        evaluations = 0

        @functools.wraps(closure)
        def watching(*arguments: Any, **options: Any) -> Any:
            nonlocal evaluations
            evaluations += 1
            first = evaluations == 1
            unmoved = first and before is not None and torch.equal(before, _sizes(optimizer))
            returned = closure(*arguments, **options)
            if not first:
                self._once[optimizer] = False
            elif before is not None:
                self._once[optimizer] = unmoved
            if evaluated is not None:
                evaluated(returned)
            return returned

        if len(args) > 1:
            return (args[0], watching, *args[2:]), named
        return args, {**named, "closure": watching}


def _sizes(optimizer: Optimizer) -> Tensor:
    """``(n,)``: the norm of each parameter, which changes when the parameter does."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    there = [p.detach() for p in parameters if not is_lazy(p)]
    with undisturbed() if inspection() else nullcontext():
        return tensor_norms(there).nan_to_num() if there else torch.zeros(0)
