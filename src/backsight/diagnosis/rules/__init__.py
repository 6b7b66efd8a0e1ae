"""One way in which training goes wrong a file; their order is that of their codes."""

from backsight.diagnosis._rule import Rule
from backsight.diagnosis.rules._clipping import Clipping
from backsight.diagnosis.rules._collapse import Collapse
from backsight.diagnosis.rules._data import BadInput, ConstantInput
from backsight.diagnosis.rules._detached_state import DetachedState
from backsight.diagnosis.rules._divergence import Divergence
from backsight.diagnosis.rules._drift import HiddenDrift
from backsight.diagnosis.rules._exploding import Exploding
from backsight.diagnosis.rules._frozen import Frozen
from backsight.diagnosis.rules._grew_first import GrewFirst
from backsight.diagnosis.rules._growing_updates import GrowingUpdates
from backsight.diagnosis.rules._last_column import LastColumn
from backsight.diagnosis.rules._no_learning import NoLearning
from backsight.diagnosis.rules._non_finite import NonFinite
from backsight.diagnosis.rules._oscillation import Oscillation
from backsight.diagnosis.rules._persistence import PreviousValue
from backsight.diagnosis.rules._plateau import Plateau
from backsight.diagnosis.rules._precursor import Precursor
from backsight.diagnosis.rules._saturation import SaturatedUnits
from backsight.diagnosis.rules._short_term import ShortTerm
from backsight.diagnosis.rules._small_updates import SmallUpdates
from backsight.diagnosis.rules._spike import LossSpike
from backsight.diagnosis.rules._updates import LargeUpdates
from backsight.diagnosis.rules._vanishing import Vanishing
from backsight.diagnosis.rules._wasted import WastedWindow
from backsight.diagnosis.rules.wiring import WIRING

__all__ = ["RULES"]

RULES: tuple[type[Rule], ...] = (
    Vanishing,
    Exploding,
    HiddenDrift,
    SaturatedUnits,
    WastedWindow,
    NonFinite,
    LossSpike,
    Divergence,
    Collapse,
    Oscillation,
    Precursor,
    GrowingUpdates,
    GrewFirst,
    ShortTerm,
    NoLearning,
    Plateau,
    PreviousValue,
    DetachedState,
    Frozen,
    Clipping,
    LargeUpdates,
    SmallUpdates,
    BadInput,
    ConstantInput,
    LastColumn,
    *WIRING,
)
"""Every rule, by code."""
