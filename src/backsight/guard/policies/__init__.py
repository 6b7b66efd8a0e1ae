"""What a guard may do, one policy a file."""

from backsight.guard.policies._adagc import AdaGC
from backsight.guard.policies._agc import AGC
from backsight.guard.policies._autoclip import AutoClip
from backsight.guard.policies._back_off import BackOff
from backsight.guard.policies._clip_auto import ClipAuto
from backsight.guard.policies._clip_norm import ClipNorm
from backsight.guard.policies._clip_value import ClipValue
from backsight.guard.policies._momentum import LateMomentum
from backsight.guard.policies._omega import Omega
from backsight.guard.policies._orthogonality import Orthogonality
from backsight.guard.policies._rollback import Rollback
from backsight.guard.policies._skip import Skip
from backsight.guard.policies._spam import SPAM
from backsight.guard.policies._spectral_cap import SpectralCap
from backsight.guard.policies._weight_limit import WeightLimit
from backsight.guard.policies._zclip import ZClip

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
    "LateMomentum",
    "Omega",
    "Orthogonality",
    "Rollback",
    "Skip",
    "SpectralCap",
    "WeightLimit",
    "ZClip",
]

POLICIES = (
    Omega, Orthogonality, Rollback, Skip, ClipNorm, ClipValue, AGC, AdaGC, AutoClip, ZClip,
    SPAM, ClipAuto, BackOff, LateMomentum, SpectralCap, WeightLimit,
)  # fmt: skip
"""Every policy, in the order of a step."""
