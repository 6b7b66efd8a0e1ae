"""Trains the networks of one part of a map as one batch, and takes their measures."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.lab import Memory
from backsight.lab._lesson import loss_of, precise
from backsight.lab._memory import AT_ONCE, HELD_OUT, Memorising, missed
from backsight.nn import ManyAdam, ManyModels, ManySGD, clip_each, seeded
from backsight.signals import growth_rate
from backsight.studies._map_outcome import judge, middle
from backsight.studies._map_plan import Part
from backsight.tasks import NO_LOSS, Batches, MemoryTask

__all__ = ["SAMPLES", "Trained", "train_part"]

SAMPLES = 11
"""Iterations in which the gradient through time is measured, the first and the last among them."""


@dataclass(frozen=True)
class Trained:
    """What became of ``K`` trainings, each field ``(K,)``."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    seed: NDArray[np.int64]
    """Which of the plan's seeds, from 0."""
    outcome: NDArray[np.int8]
    """See :class:`Outcome`."""
    start: NDArray[np.float64]
    """Loss of the first iteration, before any step."""
    final: NDArray[np.float64]
    """Mean loss of the last tenth of iterations."""
    held_out: NDArray[np.float64]
    """Loss on the lab's held-out sequences, after training."""
    error: NDArray[np.float64]
    """Share of those that are answered wrong."""
    broken: NDArray[np.int64]
    """First iteration (from 0) whose loss is not finite; -1 where none is."""
    growth_start: NDArray[np.float64]
    """``λ`` before any step, see ``growth``."""
    growth: NDArray[np.float64]
    """Growth rate ``λ`` of the gradient through time in nats a step back, the slope of ``ln R(k)``
    of the lowest layer, whose gradient has every way back in it; below 0 it vanishes, above 0 it
    explodes. Median over the sampled iterations of the second half; NaN where none is finite."""
    reach: NDArray[np.float64]
    """``R(lag)`` at the lag of the task, likewise."""

    @classmethod
    def joined(cls, parts: Sequence["Trained"]) -> "Trained":
        """Several after each other; at least one."""
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def train_part(
    part: Part, *, threads: int = 1, stepped: Callable[[int], None] = lambda networks: None
) -> Trained:
    """Train a part's networks from their seeds to the end, as the lab would each of them.

    Every network begins with the weights and sees the sequences that a run of the lab with its
    settings has, so that it is that run's twin; the tests hold it to one.

    Args:
        part: networks with the same shapes on the same sequences.
        threads: of the processor; torch's own number is put back.
        stepped: told after each iteration how many networks have stepped.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _train(part, stepped)
    finally:
        torch.set_num_threads(before)


def _train(part: Part, stepped: Callable[[int], None]) -> Trained:
    settings = [cell.settings for cell in part.cells]
    shared, task = settings[0], settings[0].task
    many = _models(part)
    optimizer = _optimizer(many.parameters, settings)
    limits = [math.inf if own.clip is None else own.clip for own in settings]
    batches = Batches(task, shared.batch, seed=shared.seed)
    sampled = set(np.linspace(0, shared.iterations - 1, SAMPLES).round().astype(int).tolist())
    losses = torch.empty(shared.iterations, len(many), dtype=torch.float64)
    growths, reaches, at = [], [], []
    for iteration in range(shared.iterations):
        inputs, targets = (torch.from_numpy(a) for a in batches.draw())
        if iteration in sampled:
            growth, reach = _through_time(many, task, inputs, targets)
            growths.append(growth)
            reaches.append(reach)
            at.append(iteration)
        losses[iteration] = many.backward(inputs, targets, task.kind)
        if any(map(math.isfinite, limits)):
            clip_each(many.gradient, limits)
        optimizer.step(many.gradient)
        stepped(len(many))
    held_out, error = _scores(many, task, shared.validate_sequences)
    course = losses.numpy()
    late = np.array(at) >= shared.iterations // 2
    growth, reach = (middle(np.stack(kept)[late], 0) for kept in (growths, reaches))
    finite = np.isfinite(course)
    start, final = course[0], course[-math.ceil(shared.iterations / 10) :].mean(0)
    solved = [task.criterion.met(float(share)) for share in error]
    outcome = [
        judge(
            finite=bool(finite[:, k].all()),
            start=float(start[k]),
            final=float(final[k]),
            held_out=float(held_out[k]),
            solved=solved[k],
            reach=float(reach[k]),
            chance=task.baseline,
            short_memory=task.near_baseline,
        )
        for k in range(len(many))
    ]
    return Trained(
        row=np.array([cell.row for cell in part.cells]),
        column=np.array([cell.column for cell in part.cells]),
        seed=np.array([cell.seed for cell in part.cells]),
        outcome=np.array(outcome, np.int8),
        start=start,
        final=final,
        held_out=held_out,
        error=error,
        broken=np.where(finite.all(0), -1, finite.argmin(0)),
        growth_start=growths[0],
        growth=growth,
        reach=reach,
    )


def _models(part: Part) -> ManyModels:
    """Each as the lab makes it: drawn in float32, then cast."""
    models = []
    for cell in part.cells:
        model = seeded(cell.settings.seed, Memorising(cell.settings).model)
        models.append(model.double() if cell.settings.precision == "64-true" else model)
    many = ManyModels(models)
    many.parameters *= torch.tensor([[cell.init_scale] for cell in part.cells]).to(many.parameters)
    return many


def _optimizer(parameters: Tensor, settings: Sequence[Memory]) -> ManySGD | ManyAdam:
    """The lab's, for each network."""
    rates, inertias = [s.rate for s in settings], [s.inertia for s in settings]
    decays = [s.weight_decay for s in settings]
    kind = settings[0].optimizer
    if kind in ("sgd", "momentum"):
        return ManySGD(parameters, rates, momentum=inertias, weight_decay=decays)
    betas = (inertias, 0.999)
    decoupled = kind == "adamw"
    return ManyAdam(parameters, rates, betas=betas, weight_decay=decays, decoupled=decoupled)


def _through_time(
    many: ManyModels, task: MemoryTask, inputs: Tensor, targets: Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Growth rate and reach at the lag, ``(K,)`` each, of the last answer's loss."""
    if task.every_step:  # R(k) is of one position
        targets = targets.clone()
        targets[:, :-1] = NO_LOSS
    many.backward(inputs, targets, task.kind, through=True)
    norms = many.through[0].grad_time.double().numpy()[:, ::-1]
    growth, reach = np.full(len(many), np.nan), np.zeros(len(many))
    for k, back in enumerate(norms):
        if back[0] != 0:
            with np.errstate(invalid="ignore"):  # ∞/∞ is NaN, as it should be
                own = back / back[0]
            growth[k], reach[k] = growth_rate(own), own[task.lag]
    return growth, reach


def _scores(
    many: ManyModels, task: MemoryTask, sequences: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Held-out loss and share of wrong sequences, ``(K,)`` each, as the lab validates."""
    held_out = Batches(task, min(AT_ONCE, sequences), seed=HELD_OUT)
    loss, wrong = np.zeros(len(many)), np.zeros(len(many))
    count, left = 0, sequences
    while left > 0:
        inputs, targets = (torch.from_numpy(a[:left]) for a in held_out.draw())
        outputs = precise(many.outputs(inputs))
        for k, own in enumerate(outputs):
            loss[k] += float(loss_of(task.kind, own, targets, "sum"))
            wrong[k] += int(missed(task, own, targets).any(1).sum())
        count += targets.numel()
        if task.kind == "classes":
            count -= int((targets == NO_LOSS).sum())
        left -= len(targets)
    return loss / count, wrong / sequences
