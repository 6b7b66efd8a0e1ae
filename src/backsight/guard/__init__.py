"""Acts on training, where it is asked to: every act is capped, told and recorded."""

from backsight.guard._guard import Guard
from backsight.guard._intervention import Intervention, announce_intervention
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._presets import check_together, policies_from, safe
from backsight.guard._step import Step
from backsight.guard.policies import (
    AGC,
    POLICIES,
    SPAM,
    AdaGC,
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
    "SPAM",
    "AdaGC",
    "AutoClip",
    "BackOff",
    "ClipAuto",
    "ClipNorm",
    "ClipValue",
    "Guard",
    "GuardContext",
    "Intervention",
    "LateMomentum",
    "Omega",
    "Orthogonality",
    "Policy",
    "Rollback",
    "Skip",
    "SpectralCap",
    "Stage",
    "Step",
    "WeightLimit",
    "ZClip",
    "announce_intervention",
    "check_together",
    "policies_from",
    "safe",
]
