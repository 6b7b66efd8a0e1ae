"""All states of a diagonal linear recurrence at once, by a parallel scan.

``h_t = a_t ⊙ h_{t-1} + b_t`` composes: two steps are one step with ``a_2 a_1`` and
``a_2 b_1 + b_2``. The steps are cut into blocks. All blocks run side by side, each from a state of
zero; the states at their ends are a recurrence of their own, with a step a block; and what a block
begins with is weighed by the product of its ``a`` and added. For ``T`` steps, that takes some
``32 log₁₆ T`` operations, and about three times the memory traffic of a loop. Doubling takes
``log₂ T`` passes over all steps, which on a CPU lasted longer than the loop. Nothing is divided: a
product of the ``a`` that underflows becomes 0, and so does what it weighs.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from backsight.errors import SettingError

__all__ = ["linear_scan", "linear_scan_reversed"]

BLOCK = 16
"""Steps of a block."""
WIDE = 8192
"""Elements of a step from which on a CPU runs one step after the other: it spends more time on
memory, then, than on starting operations. At 4,096 both took as long, at 16,384 blocks took five
times as long (1,024 steps, one thread)."""


def linear_scan(a: Tensor, b: Tensor, h0: Tensor | None = None) -> Tensor:
    """All states of ``h_t = a_t ⊙ h_{t-1} + b_t``, differentiable any number of times.

    The gradient with respect to ``b_t`` is the whole gradient on ``h_t``: its own and what comes
    back from later steps.

    Args:
        a: ``(…, T, H)``, real or complex; leading dimensions broadcast to those of ``b``. Meant for
            ``|a| ≤ 1``: a product of larger ones may overflow where a loop would not.
        b: ``(…, T, H)``.
        h0: ``(…, H)``: the state before the first step; zeros by default.

    Returns:
        ``(…, T, H)``.

    Raises:
        SettingError: the shapes do not fit, or there is no step.

    Example:
        >>> import torch
        >>> from backsight.nn import linear_scan
        >>> a = torch.tensor([[0.5], [0.5], [0.0], [2.0]])
        >>> linear_scan(a, torch.ones(4, 1), torch.tensor([4.0])).flatten().tolist()
        [3.0, 2.5, 1.0, 3.0]
    """
    fits = (
        min(a.dim(), b.dim()) >= 2
        and b.shape[-2] > 0
        and a.dim() <= b.dim()
        and a.shape[-2:] == b.shape[-2:]
        and all(n in (1, m) for n, m in zip(a.shape[-3::-1], b.shape[-3::-1], strict=False))
        and (h0 is None or h0.shape == (*b.shape[:-2], b.shape[-1]))
    )
    if not fits:
        began = "" if h0 is None else f" and h0 {tuple(h0.shape)}"
        raise SettingError(
            f"linear_scan got a {tuple(a.shape)}, b {tuple(b.shape)}{began}: expected a and b "
            "(…, T, H) with at least one step, and h0 (…, H)"
        )
    states: Tensor = _LinearScan.apply(a, b, h0)  # type: ignore[no-untyped-call]
    return states


def linear_scan_reversed(a: Tensor, direct: Tensor) -> Tensor:
    """The whole gradient on each state, ``g_t = d_t + conj(a_{t+1}) ⊙ g_{t+1}``.

    Args:
        a: as of :func:`linear_scan`.
        direct: ``(…, T, H)``: the gradient ``d_t`` on each state but through later states.

    Returns:
        ``(…, T, H)``.

    Example:
        >>> import torch
        >>> from backsight.nn import linear_scan_reversed
        >>> a, direct = torch.full((4, 1), 0.5), torch.tensor([[0.0], [0.0], [0.0], [1.0]])
        >>> linear_scan_reversed(a, direct).flatten().tolist()
        [0.125, 0.25, 0.5, 1.0]
    """
    whole: Tensor = _Reversed.apply(a, direct)  # type: ignore[no-untyped-call]
    return whole


class _LinearScan(Function):
    """See :func:`linear_scan`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, h0: Tensor | None) -> Tensor:
        """By blocks."""
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        _fill(h, a, b, h0)
        ctx.save_for_backward(a, h, h0)
        return h

    @staticmethod
    def backward(ctx: Any, direct: Tensor) -> tuple[Tensor | None, ...]:
        """The same, from the last step to the first."""
        a, h, h0 = ctx.saved_tensors
        whole = linear_scan_reversed(a, direct)
        d_a = d_h0 = None
        if ctx.needs_input_grad[0]:
            d_a = whole.clone()
            d_a[..., 1:, :].mul_(h[..., :-1, :].conj())
            d_a[..., 0, :].zero_() if h0 is None else d_a[..., 0, :].mul_(h0.conj())
            d_a = d_a.sum_to_size(a.shape)
        if ctx.needs_input_grad[2]:
            d_h0 = a[..., 0, :].conj() * whole[..., 0, :]
        return d_a, whole, d_h0


class _Reversed(Function):
    """See :func:`linear_scan_reversed`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, direct: Tensor) -> Tensor:
        """The last step is its own; all others go on from it."""
        whole = torch.empty_like(direct, memory_format=torch.contiguous_format)
        last = whole[..., -1, :].copy_(direct[..., -1, :])
        if direct.shape[-2] > 1:
            later = a[..., 1:, :].conj().resolve_conj()
            _fill(whole[..., :-1, :], later, direct[..., :-1, :], last, back=True)
        ctx.save_for_backward(a, whole)
        return whole

    @staticmethod
    def backward(ctx: Any, direct: Tensor) -> tuple[Tensor | None, ...]:
        """The scan itself."""
        a, whole = ctx.saved_tensors
        ahead = linear_scan(a, direct)
        d_a = None
        if ctx.needs_input_grad[0]:
            d_a = whole.clone()
            d_a[..., 1:, :].mul_(ahead[..., :-1, :].conj().resolve_conj())
            d_a[..., 0, :].zero_()
            d_a = d_a.sum_to_size(a.shape)
        return d_a, ahead


def _fill(h: Tensor, a: Tensor, b: Tensor, h0: Tensor | None, *, back: bool = False) -> None:
    """Write all states into ``h`` ``(…, T, H)``.

    Args:
        h: not read.
        a: as of :func:`linear_scan`.
        b: likewise.
        h0: likewise.
        back: begin with the last step.
    """
    steps = h.shape[-2]
    blocks = steps // BLOCK
    wide = h.device.type == "cpu" and h[..., 0, :].numel() >= WIDE
    if blocks < 2 or wide:
        _loop(h, a, b, h0, back=back)
        return
    rest, whole = steps - blocks * BLOCK, blocks * BLOCK
    inner, keep, add = (_blocks(x, rest if back else 0, whole) for x in (h, a, b))
    _loop(inner, keep, add, None, back=back)
    left = torch.empty_like(keep, memory_format=torch.contiguous_format)
    _products(left, keep, back=back)
    end = 0 if back else -1
    ends = torch.empty_like(inner[..., end, :], memory_format=torch.contiguous_format)
    _fill(ends, left[..., end, :], inner[..., end, :], h0, back=back)
    # What each block begins with is where the one before it has ended.
    others, before = (slice(-1), slice(1, None)) if back else (slice(1, None), slice(-1))
    inner[..., others, :, :].addcmul_(left[..., others, :, :], ends[..., before, None, :])
    if h0 is not None:
        first = -1 if back else 0
        inner[..., first, :, :].addcmul_(left[..., first, :, :], h0[..., None, :])
    if rest:
        part = slice(rest) if back else slice(whole, None)
        newest = h[..., rest if back else whole - 1, :]
        _loop(h[..., part, :], a[..., part, :], b[..., part, :], newest, back=back)


def _blocks(x: Tensor, begin: int, steps: int) -> Tensor:
    """Of so many steps, a view ``(…, blocks, BLOCK, H)``."""
    part = x.narrow(-2, begin, steps)
    return part.view(*x.shape[:-2], -1, BLOCK, x.shape[-1])


def _in_order(x: Tensor, back: bool) -> Sequence[Tensor]:
    """Its steps."""
    return x.unbind(-2)[::-1] if back else x.unbind(-2)


def _loop(h: Tensor, a: Tensor, b: Tensor, h0: Tensor | None, *, back: bool) -> None:
    """:func:`_fill` step by step."""
    before = h0
    for now, keep, add in zip(*(_in_order(x, back) for x in (h, a, b)), strict=True):
        if before is None:
            now.copy_(add)
        else:
            torch.addcmul(add, keep, before, out=now)
        before = now


def _products(left: Tensor, keep: Tensor, *, back: bool) -> None:
    """Write into ``left`` how much of what a block begins with is there after each of its steps."""
    before = None
    for now, one in zip(_in_order(left, back), _in_order(keep, back), strict=True):
        if before is None:
            now.copy_(one)
        else:
            torch.mul(one, before, out=now)
        before = now
