"""The state of a training: good ones in memory, whole ones on disk, and what they are made of."""

from backsight.state._checkpoint_state import CheckpointState
from backsight.state._checkpoints import Checkpoint, Checkpoints, load_checkpoint
from backsight.state._random import Generators
from backsight.state._snapshots import Snapshots
from backsight.state._stateful import Stateful, fitting
from backsight.state._weights import load_model

__all__ = [
    "Checkpoint",
    "CheckpointState",
    "Checkpoints",
    "Generators",
    "Snapshots",
    "Stateful",
    "fitting",
    "load_checkpoint",
    "load_model",
]
