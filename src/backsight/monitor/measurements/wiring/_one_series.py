"""Whether a model reads one series, and is asked for another; or one column many times."""

from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import LookedAtAndAsked, Measurement
from backsight.probes import on_host

__all__ = ["OneSeries"]

MOST = 1 << 14
"""Numbers that are kept."""

FEWEST, STEPS = 32, 3
"""Windows that tell, and steps of one."""

FOLLOW = 8
"""Windows of which the next one is there as well: they overlap, and show one series."""

SELDOM = 4
"""Of so many windows that the next one is there for, the targets would be among the values. Columns
that were brought to one range have their ends in common."""

UNEXPLAINED = 0.5
"""Of what the best constant answer leaves, over the newest looks: what was learned is little."""

NEWEST, SETTLED = 8, 64
"""Looks; the iteration from which on they tell."""

SAME = 0.99
"""Squared correlation of a target with the next value, or the next change: the same series, in
another scale."""


class OneSeries(Measurement):
    """Windows of one series whose targets are no values of it, and are hardly learned.

    ``one_series_read``: how many targets were looked at, where the only recurrent layer is given
    windows of one feature that overlap, few of the targets are values of any window, nor do
    they follow the next value or change, and the loss is above half of what a constant answer
    gives; otherwise 0. ``features_alike``: features of the data that a layer is given, of two or
    more, if all of them are the same numbers.

    Example:
        >>> import torch
        >>> import backsight
        >>> read, asked = torch.randn(2, 200)
        >>> windows, targets = read.unfold(0, 5, 1)[:-1, :, None], asked[5:, None]
        >>> rnn = torch.nn.RNN(1, 1, batch_first=True)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=10):
        ...     for _ in range(80):
        ...         rows = torch.randint(len(windows), (16,))
        ...         last = rnn(windows[rows])[0][:, -1]
        ...         torch.nn.functional.mse_loss(last, targets[rows]).backward()
        ...         optimizer.step()
        ...         optimizer.zero_grad()
        >>> float(backsight.Run("runs/mine")["one_series_read/model"][-1]) > 100
        True
    """

    name = "one series"
    signals = ("features_alike", "one_series_read")

    def __init__(self) -> None:
        self._asked: list[bool] = []
        self.schedule = LookedAtAndAsked(1, self._asked)
        self._off = False
        """Whether anything has shown that this is no such training, or enough is kept."""
        self._kept: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        """Windows ``(B, T)`` and targets ``(B,)``."""
        self._losses: deque[tuple[float, float]] = deque(maxlen=NEWEST)
        """Of a target, and of the best constant answer to this batch."""
        self._other: bool | None = None
        """Whether the targets are no values of what is read."""
        self._count = 0
        """Targets that say so."""
        self._begin()

    def _begin(self) -> None:
        self._given: dict[str, Tensor | None] = {}
        self._alike: dict[str, int] = {}

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what a fused layer was given."""
        if call.adapter is None or call.adapter.reading != "fused" or not torch.is_grad_enabled():
            return
        x = now.input_of(call)
        first, path = call.path not in self._given, call.path or "model"
        self._given[call.path] = None
        if not isinstance(x, Tensor) or x.dim() != 3 or x.requires_grad or not x.numel():
            return
        if not on_host(x):
            return
        if x.shape[-1] > 1:
            self._alike[path] = min(_alike(x.detach()), self._alike.get(path, x.shape[-1]))
        elif first and not self._off:
            by_row = x.detach() if _batch_first(call.module) else x.detach().transpose(0, 1)
            self._given[call.path] = by_row[..., 0]

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Hold windows against targets."""
        given, self._given = self._given, {}
        if self._off or len(given) != 1:
            return
        ((path, x),) = given.items()
        term = passed.terms[0].given if len(passed.terms) == 1 else None
        if x is None or term is None or term.loss != "MseLoss" or x.shape[1] < STEPS:
            self._off = x is None or self._other is None
            return
        target = term.target.detach()
        if target.numel() != len(x) or len(x) < 2:
            self._off = True
            return
        if not self._asked:
            self._asked.append(True)
        y = target.reshape(-1).double()
        error = float((term.prediction.detach().reshape(-1).double() - y).square().mean())
        self._losses.append((error, float(y.var(correction=0))))
        if self._other is None:
            # Copies: NumPy forbids a storage that it sees to be resized.
            self._kept.append((x.to(torch.float64, copy=True).numpy(), y.clone().numpy()))
        if now.number >= SETTLED:
            self._record(path or "model", now)

    def _record(self, path: str, now: Iteration) -> None:
        """What is known by now."""
        if self._other is None:
            windows = np.concatenate([one for one, _ in self._kept])
            targets = np.concatenate([one for _, one in self._kept])
            self._other = _of_another(windows, targets)
            if self._other is None and windows.size > MOST:
                self._other = False
            if self._other is not None:
                self._kept, self._count = [], len(targets)
        if self._other is None:
            return
        self._off = not self._other
        losses, guesses = (sum(each) for each in zip(*self._losses, strict=True))
        told = self._other and losses > UNEXPLAINED * guesses > 0
        now.record(f"one_series_read/{path}", float(self._count if told else 0))

    def on_iteration_end(self, now: Iteration) -> None:
        """Record whether features are the same."""
        for path, count in self._alike.items():
            now.record(f"features_alike/{path}", float(count))
        self._begin()


def _batch_first(module: nn.Module) -> bool:
    return bool(getattr(module, "batch_first", False))


@torch.no_grad()
def _alike(x: Tensor) -> int:
    """Features, where all are the same; two of the first row tell nearly always."""
    if not torch.equal(x[0, :, 0], x[0, :, 1]) or not bool((x == x[..., :1]).all()):
        return 0
    return x.shape[-1] if bool((x != x.reshape(-1)[0]).any()) else 0


def _of_another(windows: NDArray[np.float64], targets: NDArray[np.float64]) -> bool | None:
    """Whether targets are those of another series than overlapping windows show; None where that is
    not known yet."""
    if len(windows) < FEWEST or not np.isfinite(windows).all() or not np.isfinite(targets).all():
        return None
    heads = {row[:-1].tobytes(): row[-1] for row in windows}
    tails = [row[1:].tobytes() for row in windows]
    pairs = [(heads[t], row[-1], y) for t, row, y in zip(tails, windows, targets, strict=True)
             if t in heads]  # fmt: skip
    if len({after for after, _, _ in pairs}) < FOLLOW:
        return None
    if np.isin(targets, windows).sum() * SELDOM >= len(pairs):
        return False
    after, last, y = (np.array(each) for each in zip(*pairs, strict=True))
    return not any(_same(one, y) for one in (after, after - last))


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return True
    return float(np.corrcoef(one, other)[0, 1]) ** 2 >= SAME
