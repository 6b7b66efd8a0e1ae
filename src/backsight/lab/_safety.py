"""The guard and the curriculum of a run of the lab, from its settings."""

import torch
from torch import nn

from backsight.curriculum import AdaptiveLength, Length, LinearLength, StepwiseLength
from backsight.errors import SettingError
from backsight.guard import Guard, LateMomentum, policies_from
from backsight.lab._config import Training
from backsight.lab._training_task import TrainingTask
from backsight.state import Stateful

__all__ = ["make_curriculum", "make_guard"]


def make_guard(
    config: Training,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    task: TrainingTask,
    extra_state: dict[str, Stateful],
) -> Guard | None:
    """As the settings say; None where nothing may act.

    Args:
        config: the settings.
        model: what is trained.
        optimizer: PyTorch's own, whose steps are guarded.
        task: goes back at a rollback.
        extra_state: what else does, by name.
    """
    if config.guard_in_force is None:
        return None
    policies = policies_from(config.guard_in_force)
    if config.safe and config.optimizer == "momentum" and config.momentum_in_force:
        policies.append(LateMomentum())  # Adam without β₁ is no calmer
    every = max(10, min(50, config.iterations // 20))
    return Guard(
        model,
        optimizer,
        *policies,
        extra_state={"data": task, **extra_state},
        snapshot_every=every,
    )


def make_curriculum(config: Training, task: TrainingTask) -> Length | None:
    """As the settings say; None where every batch is as long as the last."""
    kind = config.curriculum_kind
    end, start = task.steps, task.shortest(config.curriculum_start)
    if kind == "none" or start >= end:
        return None
    try:
        match kind:
            case "linear":
                return LinearLength(end, start, over=max(1, config.iterations // 2))
            case "stepwise":
                return StepwiseLength(end, start, every=max(1, config.iterations // 10))
            case _:
                return AdaptiveLength(end, start, enough=task.enough, over=config.iterations)
    except SettingError as error:
        raise SettingError(f"--curriculum {kind}: {error}") from error
