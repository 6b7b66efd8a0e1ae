"""A training that starts from a checkpoint of another one."""

from torch.optim import Optimizer

from backsight.errors import RunError, SettingError
from backsight.lab._config import Training
from backsight.lab._setup import MAY_CHANGE, changed_settings
from backsight.lab._training_task import TrainingTask
from backsight.state import CheckpointState, load_checkpoint

__all__ = ["begin_from"]

FREE = MAY_CHANGE | {
    "seed", "optimizer", "lr", "lr_schedule", "momentum", "weight_decay", "clip", "guard", "plain",
    "every", "validate_every", "checkpoint_every",
}  # fmt: skip
"""Settings in which a fork may differ: how it is trained, and not what."""

OPTIMIZERS = {"sgd": "sgd", "momentum": "sgd", "adam": "adam", "adamw": "adam"}
"""By whose state they go on: SGD with momentum is SGD, AdamW is Adam."""


def begin_from(
    config: Training, parts: CheckpointState, optimizer: Optimizer, task: TrainingTask
) -> int:
    """Give a training the state of the checkpoint ``config.fork``, and say how old that is.

    With the seed it was made with, everything goes on: an unchanged fork is, bit for bit, what the
    other run would have become. With another one weights, optimizer, curriculum and guard go on;
    sequences and random numbers are that seed's, and a carried state begins afresh. An optimizer
    or a guard of another kind begins afresh as well.

    Args:
        config: the settings; those in :data:`FREE` may differ from the checkpoint's.
        parts: all that has a state.
        optimizer: PyTorch's own; rate, momentum and weight decay are kept.
        task: what is learned.

    Returns:
        iterations that were done.

    Raises:
        RunError: it cannot be read, or was made with other settings.
        SettingError: there is nothing left to train.
    """
    assert config.fork is not None
    checkpoint = load_checkpoint(config.fork)
    changed = changed_settings(checkpoint, config, FREE)
    if changed:
        raise RunError(
            f"{checkpoint.path} was made with other settings ({'; '.join(changed)}): a fork may "
            "change how the network is trained, but neither the network nor its task"
        )
    if checkpoint.iteration >= config.iterations:
        raise SettingError(
            f"--iterations includes the {checkpoint.iteration:,} of the --fork checkpoint: it must "
            f"be more than that, not {config.iterations:,}"
        )
    then = checkpoint.state["settings"]
    leave = set()
    if then["seed"] != config.seed:
        leave |= {"lesson", "random", "hidden"}
        task.elsewhere()
    if then["guard"] != config.guard:
        leave.add("guard")
    if OPTIMIZERS[then["optimizer"]] != OPTIMIZERS[config.optimizer]:
        leave.add("optimizer")
    ours = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    parts.load(checkpoint, leave)
    for group, own in zip(optimizer.param_groups, ours, strict=True):
        group.update(own)
    return checkpoint.iteration
