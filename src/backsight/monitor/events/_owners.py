"""Which module holds which, as they are put together.

An agent whose ``act`` calls its parts, a system that is asked for ``training_step``: the model of
such a script is never called itself, and its parts would pass for models of their own.
"""

import weakref
from collections.abc import Callable

from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from backsight.probes import IdentityMap, children_of, parameters_of

__all__ = ["Owners"]


class Owners:
    """Remembers who was put into whom while it is open.

    Example:
        >>> from torch import nn
        >>> from backsight.monitor.events import Owners
        >>> owners = Owners()
        >>> actor = nn.Linear(3, 2)
        >>> agent = nn.ModuleDict({"actor": actor, "critic": nn.Linear(3, 1)})
        >>> owners.whole(actor, movers=lambda module: "one optimizer") is agent
        True
        >>> owners.close()
    """

    def __init__(self) -> None:
        self._of: IdentityMap[weakref.ref[nn.Module]] = IdentityMap()
        self._handle = register_module_module_registration_hook(self._registered)

    def whole(self, module: nn.Module, movers: Callable[[nn.Module], object]) -> nn.Module:
        """The outermost one around ``module`` that has more weights and is moved by the same.

        Args:
            module: one that was called.
            movers: what moves a module; where that differs, what holds it is no model but several.
        """
        whole, around = module, self._holder(module)
        seen = {id(module)}  # a module may hold what holds it
        while around is not None and id(around) not in seen and movers(around) == movers(module):
            seen.add(id(around))
            if len(list(parameters_of(around))) > len(list(parameters_of(whole))):
                whole = around
            around = self._holder(around)
        return whole

    def close(self) -> None:
        """Leave PyTorch as it was."""
        self._handle.remove()

    def _registered(self, owner: nn.Module, _name: str, module: nn.Module | None) -> None:
        if module is not None and module not in self._of:
            self._of[module] = weakref.ref(owner)

    def _holder(self, module: nn.Module) -> nn.Module | None:
        reference = self._of.get(module)
        owner: nn.Module | None = reference() if reference else None
        if owner is None:
            return None
        # It may have been taken out since.
        return owner if any(part is module for _, part in children_of(owner)) else None
