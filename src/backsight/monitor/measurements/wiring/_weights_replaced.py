"""Weights that are others when the next backward pass begins than the last step has left."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import on_host, some_elements

__all__ = ["WeightsReplaced"]

MATRICES = 4
"""The largest, which tell."""

LOOKS = 64
"""Changes that replace nothing, after which nobody looks any more: weights that are clamped or
averaged after each step."""

READABLE = (torch.float32, torch.float64)
"""One number of them is read at once."""

ALIKE = 0.5
"""A cosine that two matrices have where one was made of the other."""


LEARNED = 64
"""Iterations from which on there is something to lose when another optimizer begins."""

SHRUNK = 0.01
"""Of a change, how much is no change of scale."""


class WeightsReplaced(Measurement):
    """The share of matrices that something else than an optimizer has made anew between two steps,
    and whether it has put back what they were before the first one (``weights_restored``).
    ``weights_lost``: the same share, where another optimizer begins that holds these matrices and
    more, and since the last look something has written into them.
    ``weights_undone``: at such a write, the share of what the steps have done since the write
    before it that it takes back.

    In every iteration PyTorch's own count of writes is read, and one number of the largest matrix,
    as far as it is on the host: writes through ``.data`` are not counted. Contents are compared
    from the first write on that was not the optimizer's: the first one itself is not told.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for epoch in range(3):
        ...         rnn.reset_parameters()
        ...         for _ in range(2):
        ...             rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...             optimizer.step()
        >>> backsight.Run("runs/mine")["weights_replaced"].tolist()
        [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """

    name = "weights replaced"
    signals = ("weights_lost", "weights_replaced", "weights_restored", "weights_undone")

    def __init__(self) -> None:
        self._left: dict[int, _Left] = {}
        """By the optimizer's number."""
        self._wary = 0
        """Changes that are still compared; 0 until there is one."""
        self._share: dict[int, float] = {}
        """What the changes since the last step come to."""
        self._undone: dict[int, float] = {}
        """What they take back of the steps before."""
        self._restored: set[int] = set()
        """Numbers of optimizers before whose next step all is as before their first."""

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look whether anything was written since the last step."""
        for number, left in self._left.items():
            if left.stepping:  # a closure's evaluation: what moves the weights is its own step
                continue
            for one, version in zip(left.matrices, left.versions, strict=True):
                if (p := one()) is None or p._version != version:
                    break
            else:
                # No function of its own: it would be called twice in every iteration.
                quick, element, before = left.quick, left.element, left.last
                if quick is None or element is None or before is None:
                    continue
                if (p := quick()) is None or not (at := p.data_ptr()):  # 0: put away
                    continue
                if at == left.address:
                    last = element.item()
                    if last == before or (last != last and before != before):
                        continue  # as in nearly every iteration
                left.last = None
            self._look(number, left)

    def _look(self, number: int, left: "_Left") -> None:
        """Something was written since its last step: tell what that comes to."""
        matrices = [p for one in left.matrices if (p := one()) is not None]
        versions = [p._version for p in matrices]
        if len(versions) < len(left.versions):
            return
        left.versions = versions
        if left.contents and left.began and left.is_back(matrices):
            self._restored.add(number)
        if number in self._share:  # told already
            return
        if left.contents:
            if (undone := left.undone(matrices)) is not None:
                self._undone[number] = undone
            self._share[number] = _replaced(left.contents, matrices)
            self._wary = LOOKS if self._share[number] else max(self._wary - 1, -1)
        elif self._wary == 0:
            self._wary = LOOKS

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Another optimizer begins another training."""
        left = self._left.get(step.number)
        same = left is not None and left.optimizer() is step.optimizer
        if left is not None and same and step.closure and left.is_written():
            self._look(step.number, left)  # no graph was whole before
        share = self._share.pop(step.number, 0.0)
        undone = self._undone.pop(step.number, None)
        if left is not None and same and left.anchor:
            if undone is not None:
                now.record("weights_undone", undone)
            left.keep_anchor()
        if not same:
            lost = max((one.lost_to(step) for one in self._left.values()), default=0.0)
            if lost:
                now.record("weights_lost", lost)
            self._left[step.number] = _Left.before_the_first(step)
        if step.number in self._restored:
            self._restored.discard(step.number)
            if same:
                now.record("weights_restored", 1.0)
        if (share and same) or undone is not None or now.looked or now.sampled:
            share = share if same else 0.0
            now.record("weights_replaced", max(share, now.numbers.get("weights_replaced", 0.0)))
        self._left[step.number].stepping = step.closure

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Remember what it leaves."""
        left = self._left.get(step.number)
        if left is None or left.optimizer() is not step.optimizer:
            return
        left.stepping = False
        if now.looked and now.number >= LEARNED:
            left.looked = [some_elements(p) for one in left.matrices if (p := one()) is not None]
        left.versions = versions = []
        for one in left.matrices:  # in every step: no call of its own, nor for the number below
            versions.append(-1 if (p := one()) is None else p._version)
        if -1 in versions:
            left.matrices = [one for one in left.matrices if one() is not None]
            left.versions = [version for version in versions if version >= 0]
            left.began = []
        quick, element = left.quick, left.element
        if (
            quick is not None
            and element is not None
            and (p := quick()) is not None
            and p.data_ptr() == left.address
        ):
            left.last = element.item()
        else:
            left.read()
        if self._wary > 0:
            here = (p for one in left.matrices if (p := one()) is not None)
            left.contents = [some_elements(p, torch.float32) for p in here]
        elif left.contents:
            left.contents = []


@dataclass
class _Left:
    """What the last step of an optimizer has left."""

    optimizer: "weakref.ref[Optimizer]"
    matrices: "list[weakref.ref[nn.Parameter]]"
    began: list[Tensor] = field(default_factory=list)
    """What they were before its first step."""
    versions: list[int] = field(default_factory=list)
    contents: list[Tensor] = field(default_factory=list)
    looked: list[Tensor] = field(default_factory=list)
    """What they were at the last look."""
    count: int = 0
    """Parameters that the optimizer holds."""
    stepping: bool = False
    """Whether it makes a step whose closure computes the gradients."""
    anchor: list[Tensor] = field(default_factory=list)
    """What the last write by somebody else has left."""
    last: float | None = None
    """The last number of the largest matrix; the first one of an embedding may be padding."""
    quick: "weakref.ref[nn.Parameter] | None" = field(init=False, default=None)
    """That matrix, where it is quick to read."""
    element: Tensor | None = field(init=False, default=None)
    """The place of that number: NumPy would read it, too, but forbid its storage to be resized."""
    address: int = field(init=False, default=0)
    """Where that matrix was then."""

    def __post_init__(self) -> None:
        p = self.matrices[0]() if self.matrices else None
        if type(p) is nn.Parameter and on_host(p) and p.dtype in READABLE:
            self.quick = self.matrices[0]

    @classmethod
    def before_the_first(cls, step: OptimizerStep) -> "_Left":
        """Of an optimizer that is about to make its first step."""
        largest = _largest(step.parameters)
        return cls(
            weakref.ref(step.optimizer),
            [weakref.ref(p) for p in largest],
            [] if step.closure else [some_elements(p) for p in largest],
            count=len(step.parameters),
        )

    def is_written(self) -> bool:
        """Whether PyTorch has counted a write since the last step."""
        here = [-1 if (p := one()) is None else p._version for one in self.matrices]
        return bool(self.versions) and here != self.versions

    def lost_to(self, step: OptimizerStep) -> float:
        """The share that is replaced as an optimizer begins that holds these and others."""
        matrices = [p for one in self.matrices if (p := one()) is not None]
        held = set(map(id, step.parameters.values()))
        if not self.looked or not self.count < len(held) or len(matrices) != len(self.looked):
            return 0.0
        return _replaced(self.looked, matrices) if held.issuperset(map(id, matrices)) else 0.0

    def undone(self, matrices: list[nn.Parameter]) -> float | None:
        """The share of the way since the last write that this one goes back; None of the first, of
        one that makes all weights smaller alike, and of one to the very same place: as between
        tasks."""
        now = [some_elements(p, torch.float32) for p in matrices]
        before, self.anchor = self.anchor, now
        if len(before) != len(now) or len(self.contents) != len(now):
            return None
        went = _distance(self.contents, before)
        if _is_shrunk(self.contents, now):
            return None
        kept = _distance(now, before)
        return 1 - kept / went if went > 0 and kept > 0 else None

    def keep_anchor(self) -> None:
        """Unless something else is written between backward and the step, such as what leads to
        a place nearby where the gradient was asked for."""
        if self.is_written():
            self.anchor = []

    def is_back(self, matrices: list[nn.Parameter]) -> bool:
        """Whether all of these are what they were before the first step, and were not after the
        last one."""
        if len(self.began) != len(matrices):
            return False
        now = (some_elements(p) for p in matrices)
        return all(map(torch.equal, self.began, now)) and not all(
            torch.equal(began.to(left), left)
            for began, left in zip(self.began, self.contents, strict=True)
        )

    def read(self) -> None:
        """The last number, where it is quick to read."""
        self.last = None
        if self.quick is None or (p := self.quick()) is None or not (at := p.data_ptr()):
            self.element = None
            return
        if self.element is None or at != self.address:
            # A part of a storage that is put away is not at 0.
            whole = p.numel() and p.is_contiguous() and not p.storage_offset()
            self.element = p.detach().view(-1)[-1] if whole else None
            self.address = at
        if self.element is not None:
            self.last = self.element.item()


def _largest(parameters: Mapping[str, nn.Parameter]) -> list[nn.Parameter]:
    matrices = [p for p in parameters.values() if p.dim() > 1]
    return sorted(matrices, key=lambda p: -p.numel())[:MATRICES]


def _is_shrunk(before: list[Tensor], now: list[Tensor]) -> bool:
    """Whether all are what they were times one number, nearly."""
    product = sum(float((a * b).sum()) for a, b in zip(before, now, strict=True))
    square = sum(float(a.square().sum()) for a in before)
    alike = [a * (product / square) for a in before] if square else before
    return _distance(alike, now) <= SHRUNK * _distance(before, now)


def _distance(one: list[Tensor], other: list[Tensor]) -> float:
    parts = [torch.linalg.vector_norm(a - b) for a, b in zip(one, other, strict=True)]
    return float(torch.linalg.vector_norm(torch.stack([part.cpu() for part in parts])))


def _replaced(before: list[Tensor], now: list[nn.Parameter]) -> float:
    """The share of them that have nothing of what they were."""
    alike = [
        bool(torch.equal(b, a))
        or float(torch.cosine_similarity(_sized(b), _sized(a), dim=0)) >= ALIKE
        for b, p in zip(before, now, strict=True)
        for a in [some_elements(p, torch.float32)]
    ]
    return alike.count(False) / len(alike) if alike else 0.0


def _sized(x: Tensor) -> Tensor:
    """Its direction alone: of tiny numbers, the cosine would be that of PyTorch's own epsilon."""
    largest = x.abs().max()
    return x / largest if 0 < largest < torch.inf else x
