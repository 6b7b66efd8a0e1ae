"""RWKV-4 and RWKV-5: each channel decays at a rate of its own, whatever the input.

    a = exp(-exp(w))

Source: Peng, Alcaide, Anthony et al. 2023 (RWKV), §3.1.2; Peng, Goldstein, Anthony et al. 2024
(Eagle and Finch), §4.1.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from backsight.layers.decays._decay import DecayAdapter, Decays, child_of, tensor_of, wide

__all__ = ["RWKV"]


class RWKV(DecayAdapter):
    """As ``transformers`` (RWKV-4) and the authors write it: ``time_decay`` is ``w``."""

    kind = "RWKV-4 or RWKV-5"

    def recognises(self, module: nn.Module) -> bool:
        """By ``w``, by what the newest input is weighed with, and by two projections."""
        rates = tensor_of(module, "time_decay", 1, 2)
        first = tensor_of(module, "time_first", 1, 2)
        first = tensor_of(module, "time_faaaa", 2) if first is None else first
        whole = all(child_of(module, name) is not None for name in ("key", "value", "receptance"))
        return whole and rates is not None and first is not None and rates.shape == first.shape

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """The same at each step."""
        rates = tensor_of(module, "time_decay", 1, 2)
        if rates is None:
            raise ValueError("it has no time_decay any longer")
        return Decays(-wide(rates).exp().flatten())
