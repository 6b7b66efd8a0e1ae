"""Whether ``functional.dropout`` drops while a model is evaluated, or does not while it learns.

A call of it in a forward has no module whose mode ``model.eval()`` could switch, and neither has a
layer that is made in ``forward``. Without a graph, or where it does nothing as the model learns in
eval mode, nothing is left to see afterwards: so the
function is wrapped while such a forward runs, and no longer: a model that holds the function can be
saved only as long as it is PyTorch's own.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.probes import ModuleCalls, compilers_take, dropout_of, named_modules, skipped

__all__ = ["Evaluations"]

ENOUGH = 3
"""Evaluations after which nobody looks any longer."""

FIRST = 8
"""Forwards with gradients of a model in eval mode: as many are looked at."""


class Evaluations:
    """Watches forwards in eval mode, without gradients, of models that are named to it.

    A model of which a module with dropout is in training mode all the same is left alone: who asks
    for many different answers wants that.

    Args:
        calls: of modules.
        over: told of each evaluation, when it is over, whether anything was dropped in it.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import Evaluations
        >>> from backsight.probes import ModuleCalls
        >>> class Net(torch.nn.Linear):
        ...     def forward(self, x):
        ...         return torch.nn.functional.dropout(super().forward(x))
        >>> net, calls = Net(2, 2), ModuleCalls(print)
        >>> seen = Evaluations(calls, print)
        >>> seen.watch(net)
        >>> with torch.no_grad():
        ...     result = net.eval()(torch.ones(2))
        >>> result = net.train()(torch.ones(2))
        True
        >>> seen.close()
        >>> calls.close()
    """

    def __init__(self, calls: ModuleCalls, over: Callable[[bool], None]) -> None:
        self._calls, self._over = calls, over
        self._leave: list[Callable[[], None]] = []
        self._mine: Callable[..., Tensor] | None = None
        self._usual: Callable[..., Tensor] = functional.dropout
        self._outermost = 0
        """Which module's forward it is wrapped for."""
        self._evaluating = self._dropped = False
        self._seen = 0
        self.begun = 0
        """Times that a forward without gradients came first, or after one with them."""
        self._learning = True
        self._learnt = 0
        """Forwards of a model in eval mode, with gradients, that were looked at."""
        self.silent = False
        """Whether ``functional.dropout`` was told not to drop in the newest of them."""

    def watch(self, model: nn.Module) -> None:
        """Watch its forwards."""
        if self._seen < ENOUGH:
            self._leave.append(self._calls.watch(model, before=self._begins, after=self._ends))

    def close(self) -> None:
        """Watch nothing any longer."""
        self._put_back()
        for leave in self._leave:
            leave()
        self._leave.clear()

    def _begins(self, module: nn.Module, args: Any, named: Any) -> None:
        learning = torch.is_grad_enabled()
        self.begun += self._learning and not learning
        self._learning = learning
        if module.training or learning:
            self._put_back()
            self._learns(module)
            if self._evaluating:
                self._evaluating = False
                self._seen += 1
                self._over(self._dropped)
                if self._seen >= ENOUGH:
                    self.close()
        elif self._mine is None and not any(
            part.training and dropout_of(part) for _, part in named_modules(module)
        ):
            if not self._evaluating:
                self._evaluating, self._dropped = True, False
            self._outermost = id(module)
            self._wrap()

    def _learns(self, module: nn.Module) -> None:
        if module.training:
            self.silent = False
        elif self._learnt < FIRST:
            self._learnt += 1
            self.silent = False
            self._outermost = id(module)
            self._wrap()

    def _ends(self, module: nn.Module, args: Any, named: Any, result: Any) -> None:
        if id(module) == self._outermost:
            self._put_back()

    def _wrap(self) -> None:
        usual = self._usual = functional.dropout

        @wraps(usual)
        def told(
            input: Tensor,  # noqa: A002 - PyTorch's name
            p: float = 0.5,
            training: bool = True,
            inplace: bool = False,
        ) -> Tensor:
            if training and p and not torch.is_grad_enabled():
                self._dropped = True
            elif not training and p and torch.is_grad_enabled():
                self.silent = True
            return usual(input, p, training, inplace)

        told = skipped(told, inside=False)
        told._torchdynamo_inline = usual  # type: ignore[attr-defined]
        compilers_take(told, usual)
        self._mine = told
        functional.dropout = told

    def _put_back(self) -> None:
        if self._mine is not None and functional.dropout is self._mine:
            functional.dropout = self._usual
        self._mine = None
