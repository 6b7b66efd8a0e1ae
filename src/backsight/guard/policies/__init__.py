"""What a guard may do, one policy a file."""

from backsight.guard.policies._agc import AGC
from backsight.guard.policies._autoclip import AutoClip
from backsight.guard.policies._back_off import BackOff
from backsight.guard.policies._clip_auto import ClipAuto
from backsight.guard.policies._clip_norm import ClipNorm
from backsight.guard.policies._clip_value import ClipValue
from backsight.guard.policies._momentum import LateMomentum
from backsight.guard.policies._rollback import Rollback
from backsight.guard.policies._skip import Skip
from backsight.guard.policies._zclip import ZClip

__all__ = [
    "AGC",
    "POLICIES",
    "AutoClip",
    "BackOff",
    "ClipAuto",
    "ClipNorm",
    "ClipValue",
    "LateMomentum",
    "Rollback",
    "Skip",
    "ZClip",
]

POLICIES = (
    Rollback, Skip, ClipNorm, ClipValue, AGC, AutoClip, ZClip, ClipAuto, BackOff, LateMomentum,
)  # fmt: skip
"""Every policy, in the order of a step."""
