"""Trains the networks of one part of a map as one batch, and takes their measures."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.lab import AT_ONCE, HELD_OUT, Memorising, Memory, loss_of, missed, precise
from backsight.nn import ManyAdam, ManyModels, ManySGD, clip_each, seeded
from backsight.studies.map._course import Course, asked_last, sampled, through_time
from backsight.studies.map._plan import Part
from backsight.tasks import NO_LOSS, Batches, MemoryTask

__all__ = ["train_batch"]


def train_batch(part: Part, stepped: Callable[[int], None]) -> Course:
    """Train a part's networks from their seeds to the end, side by side.

    Args:
        part: networks with the same shapes on the same sequences.
        stepped: told after each iteration how many networks have stepped.
    """
    settings = [cell.settings for cell in part.cells]
    shared, task = settings[0], settings[0].task
    many = _models(part)
    optimizer = _optimizer(many.parameters, settings)
    limits = [math.inf if own.clip is None else own.clip for own in settings]
    batches = Batches(task, shared.batch, seed=shared.seed)
    at = sampled(shared.iterations)
    losses = torch.empty(shared.iterations, len(many), dtype=torch.float64)
    growths, reaches = [], []
    for iteration in range(shared.iterations):
        inputs, targets = (torch.from_numpy(a) for a in batches.draw())
        if iteration in at:
            growth, reach = _through_time(many, task, inputs, targets)
            growths.append(growth)
            reaches.append(reach)
        losses[iteration] = many.backward(inputs, targets, task.kind)
        if any(map(math.isfinite, limits)):
            clip_each(many.gradient, limits)
        optimizer.step(many.gradient)
        stepped(len(many))
    held_out, error = _scores(many, task, shared.validate_sequences)
    return Course(losses.numpy(), np.stack(growths), np.stack(reaches), held_out, error)


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
    rates, momenta = [s.lr_in_force for s in settings], [s.momentum_in_force for s in settings]
    decays = [s.weight_decay for s in settings]
    kind = settings[0].optimizer
    if kind in ("sgd", "momentum"):
        return ManySGD(parameters, rates, momentum=momenta, weight_decay=decays)
    betas = (momenta, 0.999)
    decoupled = kind == "adamw"
    return ManyAdam(parameters, rates, betas=betas, weight_decay=decays, decoupled=decoupled)


def _through_time(
    many: ManyModels, task: MemoryTask, inputs: Tensor, targets: Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Growth rate of the last answer's gradient, and what arrives at the lag, ``(K,)`` each."""
    many.backward(inputs, asked_last(task, targets), task.kind, through=True)
    norms = many.through[0].grad_time.double().numpy()[:, ::-1]
    with np.errstate(invalid="ignore"):  # ∞/∞ is NaN, as it should be
        found = [through_time(back / (back[0] or 1.0), task.lag) for back in norms]
    growth, reach = np.array(found).T
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
