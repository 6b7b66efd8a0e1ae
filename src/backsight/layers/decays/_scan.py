"""Layers with the reading ``scanned``, the lab's among them: their adapter gives the decays."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from backsight.layers._registry import adapter_of
from backsight.layers.decays._decay import DecayAdapter, Decays

__all__ = ["Scan"]


class Scan(DecayAdapter):
    """``decays(module, x)`` of a registered kind, which the reach is computed with as well."""

    kind = "scan"

    def recognises(self, module: nn.Module) -> bool:
        """By its registered kind."""
        adapter = adapter_of(module)
        return adapter is not None and adapter.reading == "scanned" and hasattr(adapter, "decays")

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """Of each unit; two units that are one complex number share one."""
        adapter: Any = adapter_of(module)
        x = args[0] if args else kwargs.get("input", next(iter(kwargs.values())))
        own = next((p.dtype for p in module._parameters.values() if p is not None), x.dtype)
        kept = adapter.decays(module, x.detach().to(own))  # autocast may have made it narrower
        return Decays(kept.abs().log())
