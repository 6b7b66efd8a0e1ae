"""Optimizers and clipping of many networks, each with settings of its own.

Every update is PyTorch's, a network a row: what is a number there is a column here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from backsight.errors import SettingError

__all__ = ["ManyAdam", "ManySGD", "Settings", "clip_each"]

Settings = float | Sequence[float] | Tensor
"""One number for all networks, or ``(K,)``."""


class ManySGD:
    """``torch.optim.SGD`` on each network.

    Args:
        parameters: ``(K, P)``, changed in place by each step.
        lr: learning rates, one for all or ``(K,)``; so are the others.
        momentum: of the heavy ball; 0 for plain SGD.
        weight_decay: added to the gradient, times the weights.

    Raises:
        SettingError: a setting is negative or not finite, or there are not ``K`` of it.

    Example:
        >>> import torch
        >>> from backsight.nn import ManySGD
        >>> parameters = torch.zeros(2, 1)  # two networks of one weight
        >>> optimizer = ManySGD(parameters, lr=torch.tensor([0.5, 1.0]))
        >>> optimizer.step(torch.tensor([[2.0], [-2.0]]))
        >>> parameters
        tensor([[-1.],
                [ 2.]])
    """

    def __init__(
        self,
        parameters: Tensor,
        lr: Settings,
        *,
        momentum: Settings = 0.0,
        weight_decay: Settings = 0.0,
    ) -> None:
        self.parameters = parameters
        self._rate = _column("lr", lr, parameters).to(parameters)
        self._momentum = _if_any("momentum", momentum, parameters)
        self._decay = _if_any("weight_decay", weight_decay, parameters)
        self._velocity: Tensor | None = None

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        """One update, from the gradients ``(K, P)``, which are left as they are."""
        if self._decay is not None:
            gradient = torch.addcmul(gradient, self.parameters, self._decay)
        if self._momentum is not None:
            if self._velocity is None:
                self._velocity = gradient.clone()
            else:
                self._velocity.mul_(self._momentum).add_(gradient)
            gradient = self._velocity
        self.parameters.addcmul_(gradient, self._rate, value=-1)


class ManyAdam:
    """``torch.optim.Adam``, or ``AdamW``, on each network.

    Args:
        parameters: ``(K, P)``, changed in place by each step.
        lr: learning rates, one for all or ``(K,)``; so are the others.
        betas: how much of the running means of gradient and of its square stays in a step.
        eps: added to the root of the latter.
        weight_decay: added to the gradient, times the weights.
        decoupled: take it from the weights themselves instead, times the rate (AdamW).

    Raises:
        SettingError: a setting is negative or not finite, a beta is 1 or more, or there are not
            ``K`` of one.

    Example:
        >>> import torch
        >>> from backsight.nn import ManyAdam
        >>> parameters = torch.zeros(2, 1)  # two networks of one weight
        >>> optimizer = ManyAdam(parameters, lr=torch.tensor([0.1, 1.0]))
        >>> optimizer.step(torch.tensor([[3.0], [-3.0]]))
        >>> parameters
        tensor([[-0.1000],
                [ 1.0000]])
    """

    def __init__(
        self,
        parameters: Tensor,
        lr: Settings,
        *,
        betas: tuple[Settings, Settings] = (0.9, 0.999),
        eps: Settings = 1e-8,
        weight_decay: Settings = 0.0,
        decoupled: bool = False,
    ) -> None:
        self.parameters = parameters
        self._rate = _column("lr", lr, parameters)
        self._first, self._second = (_column("betas", beta, parameters) for beta in betas)
        if max(float(self._first.max()), float(self._second.max())) >= 1:
            raise SettingError("betas must be below 1: at 1 the running means never change")
        self._eps = _column("eps", eps, parameters).to(parameters)
        self._decay = _if_any("weight_decay", weight_decay, parameters)
        self._decoupled = decoupled
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        """One update, from the gradients ``(K, P)``, which are left as they are."""
        self._steps += 1
        weights = self.parameters
        if self._decay is not None and self._decoupled:
            weights.mul_(1 - self._rate.to(weights) * self._decay)
        elif self._decay is not None:
            gradient = torch.addcmul(gradient, weights, self._decay)
        self._mean.lerp_(gradient, (1 - self._first).to(weights))
        fresh = (1 - self._second).to(weights)
        self._square.mul_(self._second.to(weights)).addcmul_(gradient * fresh, gradient)
        rate = (self._rate / (1 - self._first**self._steps)).to(weights)
        root = (1 - self._second**self._steps).sqrt().to(weights)
        spread = self._square.sqrt().div_(root).add_(self._eps)
        weights.addcdiv_(self._mean * rate, spread, value=-1)


@torch.no_grad()
def clip_each(gradient: Tensor, limits: Settings) -> Tensor:
    """``clip_grad_norm_`` on each network: scale rows of ``gradient`` in place.

    A row whose norm is NaN becomes NaN as a whole, as it does there: a network that is broken is
    not repaired.

    Args:
        gradient: ``(K, P)``.
        limits: the largest norms, one for all or ``(K,)``; infinite where none is wanted.

    Returns:
        The norms before, ``(K,)``.

    Raises:
        SettingError: a limit is negative or NaN, or there are not ``K``.

    Example:
        >>> import torch
        >>> from backsight.nn import clip_each
        >>> gradient = torch.tensor([[30.0, 40.0], [0.3, 0.4]])
        >>> clip_each(gradient, 5.0)
        tensor([50.0000,  0.5000])
        >>> gradient
        tensor([[3.0000, 4.0000],
                [0.3000, 0.4000]])
    """
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    limit = _column("clip", limits, gradient, infinite=True).to(gradient)[:, 0]
    # Without a limit nothing is scaled, not even an infinite norm by inf / inf.
    factor = (limit / (norms + 1e-6)).clamp(max=1.0)
    gradient.mul_(torch.where(limit.isinf(), 1.0, factor)[:, None])
    return norms


def _column(name: str, given: Settings, like: Tensor, *, infinite: bool = False) -> Tensor:
    """``(K, 1)`` in float64: on the CPU, where every device's settings can be had exactly."""
    values = torch.as_tensor(given, dtype=torch.float64, device="cpu")
    networks = len(like)
    if values.shape not in ((), (networks,)):
        raise SettingError(
            f"{name} must be one number for all networks or one for each of the {networks}, not "
            f"an array of shape {tuple(values.shape)}"
        )
    wrong = ~(values >= 0) | (values.isinf() & (not infinite))
    if wrong.any():
        bound = "at least 0" if infinite else "finite and at least 0"
        raise SettingError(f"{name} must be {bound}, not {float(values[wrong].flatten()[0])}")
    return values.expand(networks)[:, None]


def _if_any(name: str, given: Settings, like: Tensor) -> Tensor | None:
    """None where all are 0: then nothing is computed, and of a momentum nothing kept."""
    column = _column(name, given, like)
    return column.to(like) if column.any() else None
