"""Acts on training, where it is asked to: every act is capped, told and recorded."""

from backsight.guard._guard import Guard
from backsight.guard._policy import Policy, Turn
from backsight.guard._presets import policies_from, safe
from backsight.guard._snapshots import Stateful
from backsight.guard._step import Act, Step, Trouble
from backsight.guard.policies import (
    AGC,
    POLICIES,
    AutoClip,
    BackOff,
    ClipAuto,
    ClipNorm,
    ClipValue,
    LateMomentum,
    Omega,
    Orthogonality,
    Rollback,
    Skip,
    SpectralCap,
    WeightLimit,
    ZClip,
)

__all__ = [
    "AGC",
    "POLICIES",
    "Act",
    "AutoClip",
    "BackOff",
    "ClipAuto",
    "ClipNorm",
    "ClipValue",
    "Guard",
    "LateMomentum",
    "Omega",
    "Orthogonality",
    "Policy",
    "Rollback",
    "Skip",
    "SpectralCap",
    "Stateful",
    "Step",
    "Trouble",
    "Turn",
    "WeightLimit",
    "ZClip",
    "policies_from",
    "safe",
]
