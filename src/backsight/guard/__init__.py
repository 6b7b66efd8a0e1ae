"""Acts on training, where it is asked to: every act is capped, told and recorded."""

from backsight.guard._curriculum import AdaptiveLength, Length, LinearLength, StepwiseLength
from backsight.guard._guard import Guard
from backsight.guard._policy import Policy, Turn
from backsight.guard._presets import check_together, policies_from, safe
from backsight.guard._step import Act, Step, Trouble, announce_act
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
    "AdaptiveLength",
    "AutoClip",
    "BackOff",
    "ClipAuto",
    "ClipNorm",
    "ClipValue",
    "Guard",
    "LateMomentum",
    "Length",
    "LinearLength",
    "Omega",
    "Orthogonality",
    "Policy",
    "Rollback",
    "Skip",
    "SpectralCap",
    "Step",
    "StepwiseLength",
    "Trouble",
    "Turn",
    "WeightLimit",
    "ZClip",
    "announce_act",
    "check_together",
    "policies_from",
    "safe",
]
