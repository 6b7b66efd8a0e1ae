"""All states of a diagonal linear recurrence at once, by a parallel scan.

``h_t = a_t ⊙ h_{t-1} + b_t`` composes: two steps are one step with ``a_2 a_1`` and
``a_2 b_1 + b_2``. Every pass doubles how many steps each place has behind it, so that ``log₂ T``
passes over all steps stand in for a loop of ``T`` (Hillis and Steele 1986). Nothing is divided: a
product of the ``a`` that underflows becomes 0, and so does what it weighs.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from backsight.errors import SettingError

__all__ = ["linear_scan", "linear_scan_reversed"]


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
    later = torch.cat([a[..., 1:, :], torch.zeros_like(a[..., :1, :])], -2)
    return linear_scan(later.flip(-2).conj().resolve_conj(), direct.flip(-2)).flip(-2)


class _LinearScan(Function):
    """See :func:`linear_scan`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, h0: Tensor | None) -> Tensor:
        """By doubling."""
        h = b.clone(memory_format=torch.contiguous_format)
        if h0 is not None:
            h[..., 0, :] += a[..., 0, :] * h0
        steps, behind, product = b.shape[-2], 1, a
        while behind < steps:
            h[..., behind:, :] += product[..., behind:, :] * h[..., :-behind, :]
            if 2 * behind < steps:
                # Places before `behind` reach back to the start already.
                product = torch.cat(
                    [
                        product[..., :behind, :],
                        product[..., behind:, :] * product[..., :-behind, :],
                    ],
                    -2,
                )
            behind *= 2
        ctx.save_for_backward(a, h, h0)
        return h

    @staticmethod
    def backward(ctx: Any, direct: Tensor) -> tuple[Tensor | None, ...]:
        """The same scan, from the last step to the first."""
        a, h, h0 = ctx.saved_tensors
        whole = linear_scan_reversed(a, direct)
        d_a = d_h0 = None
        if ctx.needs_input_grad[0]:
            first = torch.zeros_like(h[..., 0, :]) if h0 is None else h0
            before = torch.cat([first[..., None, :], h[..., :-1, :]], -2)
            d_a = (whole * before.conj()).sum_to_size(a.shape)
        if ctx.needs_input_grad[2]:
            d_h0 = a[..., 0, :].conj() * whole[..., 0, :]
        return d_a, whole, d_h0
