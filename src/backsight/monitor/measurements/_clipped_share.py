"""In how many of the recent iterations the gradient was clipped, whoever did it."""

from collections import deque

import torch
from torch import Tensor

from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["ClippedShare"]

RECENT = 100
"""Iterations."""

CLIPS = tuple(
    f"act_before/{policy}"
    for policy in ("adagc", "agc", "auto", "autoclip", "clip", "spam", "value", "zclip")
)
"""What a guard's policies record where they shorten gradients."""


class ClippedShare(Measurement):
    """The share of the last 100 iterations in which the step read a gradient that was clipped.

    What ``clip_grad_norm_`` and ``clip_grad_value_`` are seen to shorten counts, and so do the
    clips of a guard of ours. Nothing is recorded before the first such call or act.
    ``clips_unread``: the iterations so far in which they would have shortened gradients after the
    step, as long as no step has read any; from then on 0. A clip that is called once an epoch is in
    no sample.

    Example:
        >>> import torch
        >>> import backsight
        >>> weight = torch.nn.Parameter(torch.zeros(1))
        >>> optimizer = torch.optim.SGD([weight], lr=0.1)
        >>> model = torch.nn.ParameterList([weight])
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     for size in [0.5, 3.0, 4.0, 0.5]:
        ...         optimizer.zero_grad()
        ...         (size * weight).sum().backward()
        ...         norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["clipped_share"].round(2).tolist()
        [0.0, 0.5, 0.67, 0.5]
    """

    name = "share of clipped steps"
    signals = ("clipped_share", "clips_unread")
    may_wait = True

    def __init__(self) -> None:
        self._recent: deque[bool | Tensor] = deque(maxlen=RECENT)
        self._seen = False
        """Whether a step has ever read what was clipped."""
        self._unread: int | Tensor | None = None
        """Iterations in which it was too late; None before there was one."""

    def on_iteration_end(self, now: Iteration) -> None:
        """Count it; what an accelerator has compared stays there until it is recorded."""
        read = now.shortened_read
        calls = now.shortened if now.by_hand else now.shortened[: max(read, 0)]
        acted = any(name in now.numbers for name in CLIPS)
        self._seen = self._seen or acted or bool(calls)
        if read >= 0 and not now.by_hand and not self._seen:
            late = now.shortened[read:]
            if late:  # a number of an accelerator is not asked whether it is 0
                self._unread = _any(late) + (0 if self._unread is None else self._unread)
        if self._unread is not None and now.sampled:
            now.record("clips_unread", 0.0 if self._seen else 1.0 * self._unread)
        self._recent.append(acted or _any(calls))
        if self._seen and now.sampled:
            now.record("clipped_share", self._share())

    def _share(self) -> float | Tensor:
        known = sum(one is True for one in self._recent)
        elsewhere = [one for one in self._recent if isinstance(one, Tensor)]
        if not elsewhere:
            return known / len(self._recent)
        device = elsewhere[0].device
        there = torch.stack([one.to(device) for one in elsewhere]).sum()
        return (there + known) / len(self._recent)


def _any(calls: list[bool | Tensor]) -> bool | Tensor:
    elsewhere = [one for one in calls if isinstance(one, Tensor)]
    known = any(one is True for one in calls)
    return known if known or not elsewhere else torch.stack(elsewhere).any()
