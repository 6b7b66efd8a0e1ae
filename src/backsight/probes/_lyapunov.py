"""How fast small differences of a state grow or fade, in each direction: the Lyapunov exponents.

``J_t = ∂s_t/∂s_{t-1}`` is the Jacobian of one step of a state ``s``, at the states that the data
leads through. ``J_t Q_{t-1} = Q_t R_t`` (QR, from ``Q_0 = I``), and the i-th exponent is the mean
over steps of ``ln |R_t[i, i]|``: nats per step. A gradient goes back through the same Jacobians, so
that the largest exponent tells how fast it fades or grows.

Source: Benettin et al. 1980; for recurrent networks, Engelken, Wolf & Abbott 2023.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.errors import SettingError
from backsight.probes._memory_lanes import Advance, Carried, Fed
from backsight.signals import ReachOutcome, lyapunov_words

__all__ = ["LyapunovSpectrum", "lyapunov", "step_jacobian"]

ROWS = 4096
"""Rows of a batch that a Jacobian is made of at a time."""


@dataclass(frozen=True)
class LyapunovSpectrum:
    """The Lyapunov exponents of one recurrent layer, along some data.

    Example:
        >>> import numpy as np
        >>> from backsight.probes import LyapunovSpectrum
        >>> found = LyapunovSpectrum(np.log([0.5, 0.25]), steps=20)
        >>> round(found.largest, 2), found.outcome
        (-0.69, 'ok')
        >>> found.words().partition(": ")[2]
        'the gradient halves every step, as measured'
    """

    exponents: NDArray[np.float64]
    """``(n,)``, nats per step, in descending order. ``-inf`` where a direction is lost entirely, as
    in a delay line; below about -36, rounding cannot be told from that."""
    steps: int
    """Steps of the longest sequence that count."""

    @property
    def outcome(self) -> ReachOutcome:
        """``ok``, ``not enough data`` (no step counts) or ``not finite`` (NaN or infinite states or
        Jacobians)."""
        if not self.steps or not len(self.exponents):
            return "not enough data"
        finite = not np.isnan(self.exponents).any() and self.exponents.max() < math.inf
        return "ok" if finite else "not finite"

    @property
    def largest(self) -> float:
        """The largest exponent; NaN where the outcome is not ``ok``."""
        return float(self.exponents[0]) if self.outcome == "ok" else math.nan

    def words(self) -> str:
        """What the largest exponent means for the gradient."""
        return lyapunov_words(self.largest, self.steps, self.outcome)


def lyapunov(
    advance: Advance,
    inputs: Fed,
    state: Sequence[Tensor],
    *,
    lengths: Sequence[int] | None = None,
    settle: int = 0,
) -> LyapunovSpectrum:
    """The Lyapunov exponents of a module along its inputs, one for each unit of its state.

    Exact up to the rounding of the state's dtype, so give it a module and states in float64. Each
    step runs the module over as many rows as a sequence has units, and takes ``n³`` more
    operations for the QR decomposition. No parameter receives a gradient.

    Args:
        advance: ``advance(inputs, state)`` runs the module over the steps of ``inputs``, here one
            at a time, and returns its next state, row by row: what it makes of one sequence must
            not depend on the others.
        inputs: ``(T, B, …)``, or a tuple of such tensors.
        state: what the sequences begin with, ``(B, …)`` each. All that the module carries on counts
            as its state: of an LSTM, ``h`` and ``c``.
        lengths: steps of each sequence; all of them by default.
        settle: steps from the first one on that turn ``Q``, but do not count: it takes some until
            its first column is the direction that grows most.

    Returns:
        the exponents, averaged over all steps of all sequences that count.

    Raises:
        SettingError: there are no steps, the next state has another shape, or no gradient leads
            through a step.

    Example:
        >>> import torch
        >>> from backsight.probes import lyapunov
        >>> turn = torch.tensor([[0.0, -0.5], [0.5, 0.0]], dtype=torch.float64)
        >>> def advance(x, state):
        ...     return (state[0] @ turn.T + x[0],)
        >>> x = torch.ones(5, 3, 2, dtype=torch.float64)
        >>> found = lyapunov(advance, x, [torch.zeros(3, 2, dtype=torch.float64)])
        >>> found.exponents.round(3).tolist(), found.steps
        ([-0.693, -0.693], 5)
    """
    each = inputs if isinstance(inputs, tuple) else (inputs,)
    steps, count = each[0].shape[:2]
    sizes = torch.tensor([steps] * count if lengths is None else [*lengths])
    if not count or not int(sizes.max()):
        raise SettingError(
            f"Lyapunov exponents need at least one step: inputs of shape (T, B, …), not "
            f"{tuple(each[0].shape)}"
        )
    carried = tuple(one.detach() for one in state)
    device = carried[0].device
    units = sum(one[0].numel() for one in carried)
    q = torch.eye(units, dtype=torch.float64, device=device).repeat(count, 1, 1)
    logs = torch.zeros(units, dtype=torch.float64, device=device)
    counted = 0
    rows = torch.arange(count)
    for t in range(int(sizes.max())):
        goes_on = sizes[rows] > t
        if not bool(goes_on.all()):
            keep = goes_on.to(device)
            rows, q, carried = rows[goes_on], q[keep], tuple(one[keep] for one in carried)
        x = tuple(one[t : t + 1, rows.to(one.device)] for one in each)
        carried, jacobian = step_jacobian(
            advance, x if isinstance(inputs, tuple) else x[0], carried
        )
        if not bool(jacobian.isfinite().all()):
            nothing = np.full(units, np.nan)
            return LyapunovSpectrum(nothing, steps=max(1, int(sizes.max()) - settle))
        q, r = torch.linalg.qr(jacobian.double() @ q)
        if t >= settle:
            logs += r.diagonal(dim1=-2, dim2=-1).abs().log().sum(0)
            counted += len(rows)
    if not counted:
        return LyapunovSpectrum(np.empty(0), steps=0)
    exponents = np.sort((logs / counted).cpu().numpy())[::-1]
    return LyapunovSpectrum(exponents, steps=int(sizes.max()) - settle)


def step_jacobian(advance: Advance, x: Fed, state: Carried) -> tuple[Carried, Tensor]:
    """The next state, and how it depends on the one before: ``∂s_t/∂s_{t-1}``, ``(B, n, n)``.

    A row of a Jacobian is the gradient of one unit. Each sequence is repeated as often as it has
    units, and each copy asks for the gradient of another one, so that one backward pass of any
    module gives them all.

    Args:
        advance: as of :func:`lyapunov`.
        x: its inputs ``(1, B, …)``.
        state: ``(B, …)`` each; behind each other, these are the ``n`` units.

    Raises:
        SettingError: the next state has another shape, or no gradient leads through the step.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import step_jacobian
        >>> cell = nn.RNNCell(1, 2, bias=False)
        >>> for weight in cell.parameters():
        ...     _ = nn.init.constant_(weight, 0.5)
        >>> def advance(x, state):
        ...     return (cell(x[0], state[0]),)
        >>> _, jacobian = step_jacobian(advance, torch.zeros(1, 1, 1), (torch.zeros(1, 2),))
        >>> jacobian.tolist()  # W_hh, because tanh has slope 1 at 0
        [[[0.5, 0.5], [0.5, 0.5]]]
    """
    sizes = [one[0].numel() for one in state]
    units, batch = sum(sizes), state[0].shape[0]
    portion = max(1, min(units, ROWS // batch))
    parts: list[Tensor] = []
    following: Carried = ()
    for first in range(0, units, portion):
        n = min(portion, units - first)
        before = tuple(one.detach().repeat_interleave(n, 0).requires_grad_() for one in state)
        given = (
            tuple(one.repeat_interleave(n, 1) for one in x)
            if isinstance(x, tuple)
            else x.repeat_interleave(n, 1)
        )
        with torch.enable_grad():
            made = tuple(advance(given, before))
            _check(made, before)
            flat = torch.cat([one.reshape(batch * n, -1) for one in made], 1)
        seeds = torch.eye(units, dtype=flat.dtype, device=flat.device)[first : first + n]
        found = torch.autograd.grad(
            flat, before, seeds.repeat(batch, 1), allow_unused=True, materialize_grads=True
        )
        parts.append(torch.cat([one.reshape(batch, n, -1) for one in found], 2))
        following = following or tuple(one.detach()[::n] for one in made)
    return following, torch.cat(parts, 1)


def _check(made: Carried, before: Carried) -> None:
    shapes = [tuple(one.shape) for one in made], [tuple(one.shape) for one in before]
    if shapes[0] != shapes[1]:
        raise SettingError(
            f"advance must return the state that it was given, one step on: it returned shapes "
            f"{shapes[0]} for {shapes[1]}"
        )
    if not any(one.requires_grad for one in made):
        raise SettingError(
            "no gradient leads through advance: it must compute the next state from the one "
            "that it is given, without torch.no_grad() or detach()"
        )
