"""How far the weights of each gate have moved, beside what they usually move."""

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor

from backsight.layers import GateBlock, blocks_of
from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_GROWING, Measurement
from backsight.probes import named_modules

__all__ = ["GateGrowth"]

ELEMENTS = 1 << 14
"""Of a larger part of a parameter, that many are looked at, evenly spaced."""

WHOLE = 1 << 21
"""Elements that are looked at in all; what comes after them is left out."""

USUAL = 5
"""Samples, whose median motion is the usual one."""

FEWEST = 3
"""Samples before there is a usual motion."""

NEXT_TO_NONE = 1e-6
"""Of a norm: who usually moves less, rests."""


class GateGrowth(Measurement):
    """``‖Δθ‖/‖θ‖`` of each gate since the newest sample, and how many times the usual one that is.

    Looked at in sampled iterations, and where the gradient's norm has left its usual range: then
    something grows, and the weights tell where it began, as long as they are finite.

    Example:
        >>> import torch
        >>> import backsight
        >>> gru = torch.nn.GRU(3, 4)
        >>> optimizer = torch.optim.SGD(gru.parameters(), lr=0.1)
        >>> with backsight.watch(gru, optimizer, "runs/mine", every=1):
        ...     for _ in range(2):
        ...         gru(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> [name for name in run.names if name.startswith("gate_moved")]
        ['gate_moved/l0.new', 'gate_moved/l0.reset', 'gate_moved/l0.update']
    """

    name = "gates"
    signals = ("gate_growth", "gate_moved")
    schedule = SAMPLED_AND_GROWING

    def __init__(self) -> None:
        self._parts: _Parts | None = None
        self._whose: tuple[int, ...] = ()
        """Identities of the parameters that these are parts of."""
        self._then: _Then | None = None
        self._usual: deque[tuple[Tensor, int]] = deque(maxlen=USUAL)
        """Motions from sample to sample, and over how many iterations."""

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Look, before anything moves."""
        if self in now.kept:  # another optimizer's step
            return
        parameters = now.parameters
        whose = tuple(map(id, parameters.values()))
        if whose != self._whose:
            self._begin_anew(whose, now)
        parts = self._parts
        if parts is None:
            return
        tensors, moved, growth = parts.now(), None, None
        if self._then is not None:
            moved = parts.norms(torch._foreach_sub(tensors, self._then.tensors)) / self._then.norms
            elapsed = now.number - self._then.iteration
            growth = self._growth(moved, elapsed)
            if now.sampled:
                self._usual.append((moved, elapsed))
        now.kept[self] = moved, growth
        if now.sampled:
            norms = torch.maximum(parts.norms(tensors), NEXT_TO_NONE * parts.sizes.sqrt())
            self._then = _Then(now.number, [tensor.clone() for tensor in tensors], norms)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        moved, growth = now.kept.get(self, (None, None))
        if self._parts is not None and moved is not None:
            now.record_each([f"gate_moved/{name}" for name in self._parts.names], moved)
            if growth is not None:
                now.record_each([f"gate_growth/{name}" for name in self._parts.names], growth)

    def _growth(self, moved: Tensor, elapsed: int) -> Tensor | None:
        """Over the median of what so many iterations usually come to.

        Motion grows with the iterations where it has a direction, and with their root where it has
        none: of both the larger one is to be expected.
        """
        if len(self._usual) < FEWEST:
            return None
        ratios = [elapsed / before for _, before in self._usual]
        expected = [
            motion * max(ratio, ratio**0.5)
            for (motion, _), ratio in zip(self._usual, ratios, strict=True)
        ]
        return moved / torch.stack(expected).median(0).values.clamp_min(NEXT_TO_NONE)

    def _begin_anew(self, whose: tuple[int, ...], now: Iteration) -> None:
        modules = [
            (".".join(filter(None, (name, path))), module)
            for name, model in now.models.items()
            for path, module in named_modules(model)
        ]
        moved = set(whose)
        blocks = [
            block
            for block in blocks_of(modules)
            if all(id(parameter) in moved for parameter, _ in block.rows)
        ]
        self._whose, self._then = whose, None
        self._usual.clear()
        self._parts = _Parts(blocks) if blocks else None

    def switched_off(self, layer: str | None) -> None:
        """Let everything go."""
        self._parts = self._then = None


class _Then(NamedTuple):
    iteration: int
    tensors: list[Tensor]
    norms: Tensor


class _Parts:
    """Blocks, in parts: rows of one parameter each."""

    def __init__(self, blocks: list[GateBlock]) -> None:
        self.names: list[str] = []
        self._rows: list[tuple[Tensor, slice, int]] = []
        owners: list[int] = []
        sizes: list[float] = []
        device = blocks[0].rows[0][0].device
        for block in blocks:
            counts = [parameter[rows].numel() for parameter, rows in block.rows]
            steps = [max(1, -(-count // ELEMENTS)) for count in counts]
            size = sum(-(-count // step) for count, step in zip(counts, steps, strict=True))
            elsewhere = any(parameter.device != device for parameter, _ in block.rows)
            if elsewhere or sum(sizes) + size > WHOLE:
                continue
            owners += [len(self.names)] * len(counts)
            sizes.append(size)
            self.names.append(block.name)
            self._rows += [(*one, step) for one, step in zip(block.rows, steps, strict=True)]
        self._owners = torch.tensor(owners, device=device)
        self.sizes = torch.tensor(sizes, dtype=torch.float32, device=device)
        """``(blocks,)``: elements that are looked at."""

    def now(self) -> list[Tensor]:
        """Views of the parts, as they are."""
        return [p.detach()[rows].reshape(-1)[::step] for p, rows, step in self._rows]

    def norms(self, tensors: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
        """``(blocks,)``."""
        squares = torch.stack([norm.float() for norm in torch._foreach_norm(tensors)]).square()
        return torch.zeros_like(self.sizes).index_add_(0, self._owners, squares).sqrt()
