"""The linear recurrent unit: complex states that each turn and fade at a rate of their own.

    |a| = exp(-exp(ν))

Source: Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De 2023 (Resurrecting Recurrent Neural
Networks for Long Sequences), §3.3.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from backsight.layers.decays._decay import DecayAdapter, Decays, tensor_of, wide

__all__ = ["LRU"]


class LRU(DecayAdapter):
    """As ``LRU-pytorch`` and others write it, with the paper's names: ``nu_log`` is ``ν``."""

    kind = "LRU"

    def recognises(self, module: nn.Module) -> bool:
        """By the modulus and the phase of each state."""
        rates, phases = (tensor_of(module, name, 1) for name in ("nu_log", "theta_log"))
        if rates is None or phases is None or rates.shape != phases.shape:
            return False
        return rates.is_floating_point() and phases.is_floating_point()

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """The same at each step."""
        rates = tensor_of(module, "nu_log", 1)
        if rates is None:
            raise ValueError("it has no nu_log any longer")
        return Decays(-wide(rates).exp())
