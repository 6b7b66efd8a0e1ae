"""``lru``: the linear recurrent unit, complex units that each turn and fade at a rate of their own.

    λ = exp(-exp(ν) + i exp(θ))
    h_t = λ ⊙ h_{t-1} + exp(γ) ⊙ W x_t

``|λ| < 1`` by construction: the gradient never grows. Two hidden units are the real and the
imaginary part of one complex unit, side by side; a linear layer on them is the paper's ``Re(C h)``.
The paper has a nonlinear block between layers; here a layer reads the GELU of the states below.

Source: Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De 2023 (Resurrecting Recurrent Neural
Networks for Long Sequences), §3.2 (exponential parametrization, ring initialisation of their Lemma
3.2), §3.4 (normalisation ``γ``).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.errors import SettingError
from backsight.layers import LayerWeights, register_layer
from backsight.nn._scan_stack import ScanLayer, ScanLayers, ScanStack

__all__ = ["LRULayer", "build"]

RADII = (0.9, 0.999)
"""Of the ring that ``λ`` is drawn from: the half-lives are 7 to 693 steps."""
KEPT = (0.5, 2.0)
"""Between these shares of ``t_max`` are the time scales of a ring that is told how far back it
matters. On copying at T = 100 (128 units, seed 0), the loss after 600 iterations was 0.0034 with
it, 0.017 with time scales spread from 1 to ``t_max``, and 0.062 with the ring above, of which too
few units last."""


class LRULayer(ScanLayer):
    """One layer; :func:`backsight.nn.initialise` can draw its ring for the length of a sequence.

    Args:
        inputs: features ``I`` of a step.
        hidden: ``H``, twice the number of complex units. Their ``λ`` are uniform on the ring
            between ``RADII``, ``exp(γ)`` is ``sqrt(1 - |λ|²)``, and ``W`` is complex, N(0, 1/I).

    Raises:
        SettingError: an odd ``hidden``.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        if hidden % 2:
            raise SettingError(
                f"an LRU has two hidden units for each complex one: use an even number, not "
                f"{hidden}"
            )
        super().__init__()
        inner, outer = (radius**2 for radius in RADII)
        radius, phase = torch.rand(2, hidden // 2)
        squared = inner + radius * (outer - inner)
        self.nu_log = nn.Parameter((-0.5 * squared.log()).log())
        # Of 1 - u, as u may be 0, which has no logarithm.
        self.theta_log = nn.Parameter((2 * math.pi * (1 - phase)).log())
        self.gamma_log = nn.Parameter(0.5 * (1 - squared).log())
        self.weight_ih = nn.Parameter(torch.randn(hidden, inputs) / math.sqrt(2 * inputs))

    def kept_and_added(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """``λ`` is kept, at every step alike; ``exp(γ) W x`` is added."""
        (added,) = parts
        wide = torch.promote_types(self.nu_log.dtype, torch.float32)  # no complex number is bf16
        nu, theta, gamma = (p.to(wide).exp() for p in (self.nu_log, self.theta_log, self.gamma_log))
        decay = torch.complex(-nu, theta).exp()
        pairs = added.to(wide).reshape(*added.shape[:-1], -1, 2) * gamma[:, None]
        return decay, torch.view_as_complex(pairs)


class _LRULayers(ScanLayers):
    kind = "LRU layer"
    module_type = LRULayer
    has_decays = True

    def set_decays(self, module: nn.Module, t_max: int) -> None:
        """A unit forgets in τ steps, ``|λ| = exp(-1/τ)``; it turns as it did."""
        assert isinstance(module, LRULayer)
        least, most = (share * t_max for share in KEPT)
        times = torch.empty_like(module.nu_log).uniform_(least, most)
        module.nu_log.copy_(-times.log())
        module.gamma_log.copy_(0.5 * (-torch.expm1(-2 / times)).log())

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself; the recurrence is diagonal."""
        assert isinstance(module, LRULayer)
        return (LayerWeights("", module.weight_ih, None, "", ()),)


register_layer(_LRULayers())


def build(inputs: int, hidden: int, layers: int, dropout: float) -> ScanStack:
    """All steps at once."""
    return ScanStack(LRULayer, inputs, hidden, layers, dropout, functional.gelu)
