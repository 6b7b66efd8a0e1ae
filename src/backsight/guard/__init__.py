"""Acts on training: keeps a run alive, or brings it back."""

from backsight.guard._checkpoint import Checkpoint, Checkpoints, load_model

__all__ = ["Checkpoint", "Checkpoints", "load_model"]
