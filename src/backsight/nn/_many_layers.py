"""The recurrent layers of many networks at once: plain ones and linear recurrences.

Shapes: ``K`` networks, ``T`` steps, ``B`` sequences, ``I`` inputs, ``H`` units.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from backsight.nn._choices import CELLS
from backsight.nn._linear_scan import linear_scan
from backsight.nn._models import SequenceModel
from backsight.nn._scan import GradientTrace, Workspace, scan
from backsight.nn._scan_stack import ScanLayer, ScanStack

__all__ = ["ManyLayers", "many_layers"]

Weights = Mapping[str, Tensor]
"""Of all networks by a network's own names, ``K`` in front."""


class ManyLayers(Protocol):
    """Stacked layers of one kind, without weights of their own."""

    features: int
    """``I`` of the lowest layer."""
    units: int
    """``H``."""
    block: int
    """Bytes that the states of the networks run at once may take on a CPU."""

    def run(
        self,
        number: int,
        weights: Weights,
        x: Tensor,
        *,
        every_step: bool,
        through: GradientTrace | None,
    ) -> Tensor:
        """The states of a layer.

        Args:
            number: of the layer, from below.
            weights: of the models.
            x: ``(T, B, I)``, the same for all networks, or ``(K, T, B, I)``.
            every_step: return every state, or the last alone.
            through: filled by the backward pass.

        Returns:
            ``(K, T, B, H)``, or ``(K, B, H)`` of the last step.
        """


def many_layers(model: SequenceModel) -> ManyLayers | None:
    """Those of a model's form; None where its cell trains in no batch."""
    if CELLS[model.cell].plain is not None:
        return _Plain(model)
    return _Scanned(model.rnn) if CELLS[model.cell].scanned else None


class _Plain:
    """See :func:`backsight.nn.scan`."""

    block = 32 * 2**20
    """On a machine with 32 MB of third-level cache 256 networks of 64 units took a tenth longer in
    one block than in two, and a fifth longer in eight."""

    def __init__(self, model: SequenceModel) -> None:
        plain = CELLS[model.cell].plain
        assert plain is not None
        self.nonlinearity = plain
        rnn: Any = model.rnn  # PyTorch's own
        self.units, self.features = rnn.hidden_size, rnn.input_size
        self._workspaces = [Workspace() for _ in range(model.layers)]

    def run(
        self,
        number: int,
        weights: Weights,
        x: Tensor,
        *,
        every_step: bool,
        through: GradientTrace | None,
    ) -> Tensor:
        """One product a step."""
        bias = weights[f"rnn.bias_ih_l{number}"] + weights[f"rnn.bias_hh_l{number}"]
        return scan(
            x,
            weights[f"rnn.weight_ih_l{number}"],
            weights[f"rnn.weight_hh_l{number}"],
            bias,
            nonlinearity=self.nonlinearity,
            every_step=every_step,
            through=through,
            workspace=self._workspaces[number],
        )


class _Scanned:
    """Layers whose states are a linear recurrence: :class:`~backsight.nn._scan_stack.ScanLayer`.

    What a layer makes of its product is written for one network, and mapped over all by
    ``torch.func.vmap``.
    """

    block = 3 * 2**20
    """There are a dozen more arrays of this size, so that a block is smaller. 128 networks of 64
    units took twice as long with 32 MB, and a quarter longer with 1 MB, on that machine."""

    def __init__(self, stack: nn.Module) -> None:
        assert isinstance(stack, ScanStack)
        self._between = stack.between
        self._layers = [_Weighing(layer) for layer in stack.children()]
        self.units = stack.hidden_size
        self.features = self._layers[0].layer.weight_ih.shape[1]

    def run(
        self,
        number: int,
        weights: Weights,
        x: Tensor,
        *,
        every_step: bool,
        through: GradientTrace | None,
    ) -> Tensor:
        """One product, and one scan over all steps."""
        weighing = self._layers[number]
        own = {name: weights[f"rnn.l{number}.{name}"] for name in weighing.names}
        if number and self._between is not None:
            x = self._between(x)
        parts = _product(x, own["weight_ih"], own.get("bias_ih"), weighing.layer.parts)
        # Of the weights of the product, a layer has no further use.
        others = {f"layer.{name}": w for name, w in own.items() if name not in PRODUCT}

        def weigh(mine: dict[str, Tensor], *of_one: Tensor) -> tuple[Tensor, Tensor]:
            found: tuple[Tensor, Tensor] = functional_call(weighing, mine, of_one)
            return found

        a, b = vmap(weigh)(others, *parts)
        networks, steps, batch, units = b.shape
        if a.dim() == 2:  # always the same
            a = a[:, None, None].expand(-1, 1, batch, -1)
        # Sequences lie beside each other like units: a step of a network is one piece of memory.
        kept = a.flatten(2).expand(-1, steps, -1)
        if through is not None:
            b.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: _trace(through, gradient)
            )
        h = linear_scan(kept, b.flatten(2)).view(networks, steps, batch, units)
        h = h if every_step else h[:, -1]
        return torch.view_as_real(h).flatten(-2).to(x.dtype) if h.is_complex() else h


PRODUCT = ("weight_ih", "bias_ih")
"""What takes part in a layer's product with its input."""


class _Weighing(nn.Module):
    """What a layer makes of its product, as a module that is called, with weights to exchange."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, ScanLayer)
        self.layer = layer
        self.names = [name for name, _ in layer.named_parameters()]

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`ScanLayer.kept_and_added`."""
        return self.layer.kept_and_added(*parts)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, parts: int) -> tuple[Tensor, ...]:
    """Of all networks, ``(K, T, B, H)`` each: each part lies in memory by itself."""
    networks, rows, features = weight.shape
    units = rows // parts
    shape = x.shape[-3:-1]
    if bias is not None:  # a column of ones carries it: it costs no sum of its own
        x = torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1)
        weight = torch.cat([weight, bias[..., None]], -1)
        features += 1
    fed = x.flatten(-3, -2).expand(networks, -1, -1)
    by_part = weight.view(networks, parts, units, features).unbind(1)
    return tuple(torch.bmm(fed, w.mT).view(networks, *shape, units) for w in by_part)


def _trace(through: GradientTrace, gradient: Tensor) -> None:
    """Keep the gradient on what is added at each step, which is the whole one on the state."""
    pairs = torch.view_as_real(gradient).flatten(-2) if gradient.is_complex() else gradient
    through.delta = pairs
    through.norms = torch.linalg.vector_norm(pairs, dim=-1)
