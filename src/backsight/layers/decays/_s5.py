"""S5: complex states with a decay and a frequency of their own, and a step size each.

    a = exp(Λ Δ) (zero-order hold)  or  (1 + Λ Δ / 2) / (1 - Λ Δ / 2) (bilinear)

Source: Smith, Warrington, Linderman 2023 (Simplified State Space Layers), §3.2.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from backsight.layers.decays._decay import DecayAdapter, Decays, child_of, tensor_of

__all__ = ["S5"]


def _hold(power: Tensor) -> Tensor:
    """``ln |exp(Λ Δ)|``, of the products ``Λ Δ``."""
    return power.real


def _bilinear(power: Tensor) -> Tensor:
    return ((1 + power / 2) / (1 - power / 2)).abs().log()


DISCRETIZATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "discretize_zoh": _hold,
    "discretize_bilinear": _bilinear,
}
"""By the name of the library's function."""


class S5(DecayAdapter):
    """As ``s5-pytorch`` writes it. A liquid one, whose transition follows the input, is none."""

    kind = "S5"

    def recognises(self, module: nn.Module) -> bool:
        """By the part that holds ``Λ``, the step sizes and a discretization that is known."""
        part = child_of(module, "seq")
        if part is None:
            return False
        states, steps = tensor_of(part, "Lambda", 1), tensor_of(part, "log_step", 1)
        if states is None or steps is None or not states.is_complex():
            return False
        known = getattr(vars(part).get("discretize"), "__name__", "") in DISCRETIZATIONS
        return known and states.shape == steps.shape and not vars(part).get("liquid")

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """The same at each step, unless the call scales the step sizes."""
        part = child_of(module, "seq")
        states = None if part is None else tensor_of(part, "Lambda", 1)
        steps = None if part is None else tensor_of(part, "log_step", 1)
        if part is None or states is None or steps is None:
            raise ValueError("it has no Lambda and log_step any longer")
        log_modulus = DISCRETIZATIONS[vars(part)["discretize"].__name__]
        scale = args[1] if len(args) > 1 else kwargs.get("step_scale", 1.0)
        if not issubclass(type(scale), Tensor):
            return Decays(log_modulus(states * (float(scale) * steps.exp())))
        scale = scale.detach().reshape(len(scale), -1, 1)  # (B,), or (B, T)
        return Decays(log_modulus(states * (scale * steps.exp())))
