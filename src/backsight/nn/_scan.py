"""A recurrent layer of many networks at once: a scan over time with its own backward through time.

Of ``K`` networks with the same shapes, a step is one batched product, and so is a step back. Each
weight gradient is one batched product over all steps. A loop over ``nn.RNN`` spends its time on
starting ``2 T K`` products too small to fill a processor.

Shapes: ``K`` networks, ``T`` steps, ``B`` sequences, ``I`` inputs, ``H`` units. A network's own
numbers lie together, so that the product over all steps needs no copy.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import Function

from backsight.errors import SettingError

__all__ = ["GradientTrace", "Nonlinearity", "Workspace", "scan"]

Nonlinearity = Literal["tanh", "relu"]


class Workspace:
    """The two large buffers of a scan, kept from one training step to the next.

    To ask the system for tens of megabytes anew in every step costs about a tenth of its time.
    What a scan returns lies in them: it holds until the next scan in the same workspace, and a
    backward pass that comes later still is refused by autograd.

    Example:
        >>> import torch
        >>> from backsight.nn import Workspace
        >>> space, like = Workspace(), torch.zeros(1)
        >>> first, again = (space.take("states", (4, 2), like) for _ in range(2))
        >>> tuple(first.shape), first.data_ptr() == again.data_ptr()
        ((4, 2), True)
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory of this shape, of the dtype and on the device of ``like``; its values are any."""
        size, kept = math.prod(shape), self._kept.get(name)
        if (
            kept is None
            or kept.numel() < size
            or (kept.dtype, kept.device) != (like.dtype, like.device)
        ):
            kept = self._kept[name] = like.new_empty(size)
        return kept[:size].view(shape)


class GradientTrace:
    """What one backward pass has left of the gradient through time, in each network.

    Example:
        >>> import torch
        >>> from backsight.nn import GradientTrace, scan
        >>> w_hh = torch.tensor([[[0.5]], [[1.0]]], requires_grad=True)  # two networks of one unit
        >>> w_ih, bias, trace = torch.ones(2, 1, 1), torch.zeros(2, 1), GradientTrace()
        >>> last = scan(torch.zeros(4, 1, 1), w_ih, w_hh, bias, every_step=False, through=trace)
        >>> last.sum().backward()
        >>> trace.reach.tolist()
        [[1.0, 0.5, 0.25, 0.125], [1.0, 1.0, 1.0, 1.0]]
    """

    def __init__(self) -> None:
        self.delta = torch.empty(0)
        """``(K, T, B, H)``: the gradient on the pre-activations, ``δ_t``."""
        self.norms = torch.empty(0)
        """``(K, T, B)``: ``‖∂L/∂h_t‖`` of each sequence, from all later steps and its own."""

    @property
    def grad_time(self) -> Tensor:
        """``(K, T)``: mean over sequences of ``‖∂L/∂h_t‖``, by step in forward time."""
        return self.norms.mean(2)

    @property
    def reach(self) -> Tensor:
        """``(K, T)``: the same by lag from the last step, relative to lag 0.

        This is ``R(k)`` where the loss is taken at the last step alone. NaN where no gradient
        arrives.
        """
        back = self.grad_time.flip(1)
        return back / back[:, :1]

    @staticmethod
    def joined(parts: "list[GradientTrace]") -> "GradientTrace":
        """Of networks that were run one block after the other."""
        whole = GradientTrace()
        whole.delta = torch.cat([part.delta for part in parts])
        whole.norms = torch.cat([part.norms for part in parts])
        return whole


def scan(
    x: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor,
    h0: Tensor | None = None,
    *,
    nonlinearity: Nonlinearity = "tanh",
    every_step: bool = True,
    through: GradientTrace | None = None,
    workspace: Workspace | None = None,
) -> Tensor:
    """States of K layers ``h_t = φ(W_ih x_t + W_hh h_{t-1} + b)``, differentiable once.

    Args:
        x: ``(T, B, I)``, the same for all networks, or ``(K, T, B, I)``.
        w_ih: ``(K, H, I)``.
        w_hh: ``(K, H, H)``.
        bias: ``(K, H)``: the sum of PyTorch's two.
        h0: ``(K, B, H)``; zeros by default.
        nonlinearity: ``φ``.
        every_step: return every state, or the last alone, whose backward pass is cheaper.
        through: filled by the backward pass.
        workspace: memory to be used again.

    Returns:
        ``(K, T, B, H)``, or ``(K, B, H)`` of the last step.

    Raises:
        SettingError: the shapes do not fit, or there is no step.

    Example:
        >>> import torch
        >>> from backsight.nn import scan
        >>> w_hh = torch.tensor([[[0.5]], [[1.0]]])  # two networks of one unit
        >>> x = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
        >>> states = scan(x, torch.ones(2, 1, 1), w_hh, torch.zeros(2, 1), nonlinearity="relu")
        >>> states[:, :, 0, 0].tolist()
        [[1.0, 0.5, 0.25], [1.0, 1.0, 1.0]]
    """
    _check(x, w_ih, w_hh, bias, h0)
    # A column of ones carries the bias: it costs no product and no sum of its own.
    fed = torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1)
    w_in = torch.cat([w_ih, bias[..., None]], -1)
    settings = (nonlinearity, every_step, through, workspace or Workspace())
    states: Tensor = _Scan.apply(fed, w_in, w_hh, h0, settings)  # type: ignore[no-untyped-call]
    return states


class _Scan(Function):
    """See :func:`scan`."""

    @staticmethod
    def forward(
        ctx: Any, fed: Tensor, w_in: Tensor, w_hh: Tensor, h0: Tensor | None, settings: Any
    ) -> Tensor:
        """``fed`` ``(…, T, B, I + 1)``, its last column 1; ``w_in`` ``(K, H, I + 1)``."""
        nonlinearity, every_step, _, workspace = settings
        squash, scale = _squashing(nonlinearity, fed)
        networks, units = w_hh.shape[:2]
        steps, batch = fed.shape[-3:-1]
        h = workspace.take("states", (networks, steps, batch, units), fed)
        # What the inputs add lies where the states will.
        torch.bmm(_rows(fed, networks), scale * w_in.mT, out=h.view(networks, -1, units))
        total, recurrent = h.new_empty(networks, batch, units), (scale * w_hh.mT).contiguous()
        before = h0
        for now in h.unbind(1):
            if before is None:
                squash(now, now)
            else:
                torch.baddbmm(now, before, recurrent, out=total)
                squash(total, now)
            before = now
        ctx.save_for_backward(fed, w_in, w_hh, h0, h)
        ctx.settings = settings
        asked: Tensor = h if every_step else h[:, -1].clone()
        return asked

    @staticmethod
    def backward(ctx: Any, direct: Tensor) -> tuple[Tensor | None, ...]:
        """Of the loss by every state, or by the last."""
        if torch.is_grad_enabled():
            # Let through, a second derivative would be wrong without a word: nothing here is
            # on a graph.
            raise SettingError(
                "the scan of K networks supports first derivatives only: omit create_graph=True, "
                "or use nn.RNN"
            )
        fed, w_in, w_hh, h0, h = ctx.saved_tensors
        nonlinearity, every_step, through, workspace = ctx.settings
        slope = SLOPES[nonlinearity]
        networks, steps, batch, units = h.shape
        if through is None:
            delta = workspace.take("delta", h.shape, h)
        else:
            delta = through.delta = torch.empty_like(h)
            through.norms = h.new_empty(networks, steps, batch)
        carried = h.new_empty(networks, batch, units)
        for t in reversed(range(steps)):
            if t == steps - 1:
                total = direct[:, t] if every_step else direct
            elif every_step:
                total = torch.baddbmm(direct[:, t], delta[:, t + 1], w_hh, out=carried)
            else:
                total = torch.bmm(delta[:, t + 1], w_hh, out=carried)
            if through is not None:
                torch.linalg.vector_norm(total, dim=-1, out=through.norms[:, t])
            slope(total, h[:, t], delta[:, t])

        every = delta.view(networks, -1, units)
        d_fed = d_w_in = d_w_hh = d_h0 = None
        if ctx.needs_input_grad[0]:
            d_fed = torch.bmm(every, w_in)
            d_fed = (d_fed if fed.dim() == 4 else d_fed.sum(0)).view(fed.shape)
        if ctx.needs_input_grad[1]:
            d_w_in = torch.bmm(_rows(fed, networks).mT, every).mT
        if ctx.needs_input_grad[2]:
            d_w_hh = torch.bmm(delta[:, 1:].flatten(1, 2).mT, h[:, :-1].flatten(1, 2))
            if h0 is not None:
                d_w_hh.baddbmm_(delta[:, 0].mT, h0)
        if ctx.needs_input_grad[3]:
            d_h0 = torch.bmm(delta[:, 0], w_hh)
        return d_fed, d_w_in, d_w_hh, d_h0, None


def _rows(fed: Tensor, networks: int) -> Tensor:
    """``(K, T B, I + 1)``; no copy where all networks are fed the same."""
    return fed.flatten(-3, -2).expand(networks, -1, -1)


def _squashing(nonlinearity: Nonlinearity, like: Tensor) -> tuple[Callable[..., None], int]:
    """What makes the state, and what it wants the weights multiplied by first.

    On a CPU ``torch.tanh`` in float32 takes four times as long as the logistic function, with which
    a step of 256 networks of 16 units lasted as long as three quarters of one with it.
    """
    if nonlinearity == "relu":
        return _relu, 1
    fast = like.device.type == "cpu" and like.dtype == torch.float32
    return (_tanh_of_half, 2) if fast else (_tanh, 1)


def _tanh(total: Tensor, out: Tensor) -> None:
    torch.tanh(total, out=out)


def _tanh_of_half(twice: Tensor, out: Tensor) -> None:
    """``tanh(x) = 2 σ(2 x) - 1`` of what is ``2 x`` already; ``twice`` is overwritten.

    At most 2e-7 from it, three times the rounding of a sum with a 1 in it: a state that small
    has no digit left.
    """
    torch.sigmoid(twice, out=twice)
    torch.add(MINUS_ONE, twice, alpha=2, out=out)


def _tanh_slope(gradient: Tensor, h: Tensor, out: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(gradient, h, grad_input=out)


def _relu(total: Tensor, out: Tensor) -> None:
    torch.clamp_min(total, 0, out=out)


def _relu_slope(gradient: Tensor, h: Tensor, out: Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(gradient, h, 0, grad_input=out)


MINUS_ONE = torch.tensor(-1.0)
SLOPES: dict[Nonlinearity, Callable[[Tensor, Tensor, Tensor], None]] = {
    "tanh": _tanh_slope,
    "relu": _relu_slope,
}
"""What takes a gradient back through the state, in one pass over memory."""


def _check(x: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor, h0: Tensor | None) -> None:
    networks, units, inputs = w_ih.shape if w_ih.dim() == 3 else (-1, -1, -1)
    fits = (
        w_ih.dim() == 3
        and x.dim() in (3, 4)
        and x.shape[-1] == inputs
        and (x.dim() == 3 or x.shape[0] == networks)
        and w_hh.shape == (networks, units, units)
        and bias.shape == (networks, units)
        and (h0 is None or h0.shape == (networks, x.shape[-2], units))
    )
    if not fits:
        shapes = {"x": x, "w_ih": w_ih, "w_hh": w_hh, "bias": bias, "h0": h0}
        told = ", ".join(f"{n} {tuple(t.shape)}" for n, t in shapes.items() if t is not None)
        raise SettingError(
            f"the scan of K networks got {told}: expected x (T, B, I) or (K, T, B, I), "
            "w_ih (K, H, I), w_hh (K, H, H), bias (K, H) and h0 (K, B, H)"
        )
    if x.shape[-3] == 0:
        raise SettingError("the scan of K networks needs at least one step, but x has none")
