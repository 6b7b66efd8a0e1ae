"""Trains one network of a map by the lab's own loop, and takes the measures that a batch has."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from backsight.lab import loss_of, make_loop
from backsight.probes import probe
from backsight.studies.map._course import Course, asked_last, sampled, through_time
from backsight.studies.map._plan import Cell
from backsight.tasks import MemoryTask

__all__ = ["train_alone"]


def train_alone(cell: Cell, stepped: Callable[[int], None] = lambda networks: None) -> Course:
    """Train a network from its seed to the end; torch's own random numbers stay as they were.

    Args:
        cell: any cell, dropout and guard of the lab's.
        stepped: told after each iteration that one network has stepped.
    """
    settings = replace(cell.settings, device="cpu", checkpoint_every=0)
    task, at = settings.task, sampled(settings.iterations)
    losses: list[float] = []
    samples: list[tuple[float, float]] = []
    with torch.random.fork_rng(devices=[]):
        loop = make_loop(settings)
        with torch.no_grad():
            for parameter in loop.model.parameters():
                parameter.mul_(cell.init_scale)

        def drawn(inputs: Tensor, targets: Tensor) -> None:
            if len(losses) in at:
                samples.append(_through_time(loop.model, task, inputs, targets))

        def ended() -> bool:
            losses.append(float(loop.loss))
            stepped(1)
            return False

        loop.drawn = drawn
        loop.run(None, ended)
        if loop.gave_up:  # in an iteration that has not ended
            losses.append(float(loop.loss))
        scores = loop.task.scores(loop.model)
    growth, reach = np.array(samples, np.float64).T[:, :, None]
    return Course(
        losses=np.array(losses)[:, None],
        growth=growth,
        reach=reach,
        held_out=np.array([scores["val_loss"]]),
        error=np.array([scores["val_sequence_error"]]),
    )


def _through_time(
    model: nn.Module, task: MemoryTask, inputs: Tensor, targets: Tensor
) -> tuple[float, float]:
    """Growth rate of the last answer's gradient, and what of it arrives at the lag."""
    # A copy has no hooks: a guard's penalty is not to see this pass.
    own = copy.deepcopy(model)

    def loss() -> Tensor:
        return loss_of(task.kind, own(inputs)[0], asked_last(task, targets))

    return through_time(probe(own, loss)["rnn.l0"].reach, task.lag)
