"""What a gated linear recurrence tells of how its channels forget."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

__all__ = [
    "DecayAdapter", "Decays", "GateRows", "child_of", "first_tensor", "parts_of", "tensor_of",
    "weight_of", "whole_of", "wide",
]  # fmt: skip

GateRows = dict[str, list[tuple[Tensor, slice]]]
"""By gate, parameters and which of their rows make it."""


@dataclass(frozen=True, slots=True, eq=False)
class Decays:
    """``ln |a_t|`` of the diagonal transitions ``∂h_t / ∂h_{t-1} = diag(a_t)`` of one call.

    Example:
        >>> import torch
        >>> from backsight.layers import Decays
        >>> steps = torch.tensor([[[0.5, 1.0]], [[0.25, 1.0]]]).log()
        >>> Decays(steps).mean().exp().tolist()
        [0.3535533845424652, 1.0]
    """

    logs: Tensor
    """``(…, T, C)``; ``(C,)`` where it is the same at each step."""
    factor: Tensor | None = None
    """``(C, N)``: each of the ``C`` stands for ``N`` channels, and ``logs`` are to be multiplied
    by this; None where each is a channel."""

    @property
    def constant(self) -> bool:
        """Whether the transition is the same at each step."""
        return self.logs.dim() == 1

    @property
    def count(self) -> int:
        """How many transitions it tells of, sequences times steps."""
        return 1 if self.constant else self.logs[..., 0].numel()

    def mean(self) -> Tensor:
        """``(channels,)``: over steps and sequences."""
        logs = self.logs if self.constant else self.logs.flatten(0, -2).mean(0)
        return logs if self.factor is None else (logs[:, None] * self.factor).flatten()

    def each(self) -> Tensor:
        """``(…, T, channels)``, or ``(channels,)``: all of them, which may be a lot."""
        if self.factor is None:
            return self.logs
        return (self.logs[..., None] * self.factor).flatten(-2)


class DecayAdapter:
    """One family of gated linear recurrences, as one library or several write it.

    The state of such a layer is a sum in which each input fades by the product of the gates since
    then, channel by channel. A family is recognised by the names, types and shapes of what its
    module holds, so that its library is never imported. It holds no state itself.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.layers import decay_adapter_of
        >>> class LRU(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.nu_log = nn.Parameter(torch.tensor([-1.0, -5.0]))
        ...         self.theta_log = nn.Parameter(torch.zeros(2))
        >>> lru, x = LRU(), torch.zeros(1, 9, 3)
        >>> adapter = decay_adapter_of(lru)
        >>> adapter.kind, adapter.decays(lru, (x,), {}, None).mean().exp().tolist()
        ('LRU', [0.6922006011009216, 0.9932847023010254])
    """

    kind: ClassVar[str] = ""
    """Unique: ``Mamba``."""
    bound: ClassVar[bool] = False
    """Whether the transition is a matrix that does not only decay: then a channel forgets at least
    as fast as its gates say."""

    def recognises(self, module: nn.Module) -> bool:
        """Whether ``module`` is of this family; its own properties are not asked."""
        raise NotImplementedError

    def shown_by(self, module: nn.Module) -> nn.Module:
        """Whose call shows the gates: ``module`` itself, or a part of it."""
        return module

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """How much is kept of each channel.

        Args:
            module: of this family.
            args: what :meth:`shown_by` was called with,
            kwargs: and by name,
            result: and what it returned; tensors without a graph, ``(B, T, …)``.

        Raises:
            ValueError: these are not what this family has.
        """
        raise NotImplementedError

    def gate_rows(self, module: nn.Module) -> GateRows:
        """Which rows of which parameters make each gate; nothing where that is not known."""
        return {}


def parts_of(module: nn.Module | None, sizes: Mapping[str, int]) -> GateRows:
    """The rows of a linear layer's weight and bias, in parts one after the other.

    Args:
        module: the layer, also inside the wrapper of an adapter such as LoRA's.
        sizes: rows by the name of the part, in their order.
    """
    found: GateRows = {part: [] for part in sizes}
    if module is None:
        return found
    for name in ("weight", "bias"):
        parameter = module._parameters.get(name)
        if parameter is None or len(parameter) != sum(sizes.values()):
            continue
        begin = 0
        for part, size in sizes.items():
            found[part].append((parameter, slice(begin, begin + size)))
            begin += size
    if not any(found.values()):
        inner = child_of(module, "base_layer")
        return found if inner is None else parts_of(inner, sizes)
    return found


def whole_of(module: nn.Module, *names: str) -> list[tuple[Tensor, slice]]:
    """Whole parameters of ``module`` itself."""
    there = (module._parameters.get(name) for name in names)
    return [(parameter, slice(None)) for parameter in there if parameter is not None]


def tensor_of(module: nn.Module, name: str, *dims: int) -> Tensor | None:
    """A parameter or buffer with one of these numbers of axes; None where there is none.

    One that is sharded over processes is none: to read it would wait for them.
    """
    held: Any = module._parameters.get(name)
    if held is None:
        held = module._buffers.get(name)
    plain = type(held) in (nn.Parameter, Tensor)
    return held.detach() if plain and held.dim() in dims and held.numel() else None


def child_of(module: nn.Module, name: str) -> nn.Module | None:
    """A part of it."""
    found = module._modules.get(name)
    return found if issubclass(type(found), nn.Module) else None


def weight_of(module: nn.Module | None, name: str = "weight", dims: int = 2) -> Tensor | None:
    """A linear layer's ``(O, I)``, also inside the wrapper of an adapter such as LoRA's."""
    if module is None:
        return None
    found = tensor_of(module, name, dims)
    return found if found is not None else weight_of(child_of(module, "base_layer"), name, dims)


def wide(x: Tensor) -> Tensor:
    """Without a graph, and in float32 at least."""
    return x.detach().to(torch.promote_types(x.dtype, torch.float32))


def first_tensor(args: Any, kwargs: Mapping[str, Any], rows: int) -> Tensor:
    """What a module works on: the first tensor that it was given.

    Args:
        args: positional ones.
        kwargs: by name.
        rows: features that each step has.

    Raises:
        ValueError: there is none of these features.
    """
    for one in (*args, *kwargs.values()):
        if issubclass(type(one), Tensor):
            if one.dim() >= 2 and one.shape[-1] == rows:
                return wide(one)
            break
    raise ValueError(f"it was not called with a tensor (…, T, {rows})")
