"""What is wrong in how a training is put together: mistakes of the script, not of its numbers."""

from backsight.diagnosis._rule import Rule
from backsight.diagnosis.rules.wiring._answer_given import TargetIsInput
from backsight.diagnosis.rules.wiring._broadcast import LossBroadcast
from backsight.diagnosis.rules.wiring._clip_moment import ClipMisplaced
from backsight.diagnosis.rules.wiring._decay import StrongDecay
from backsight.diagnosis.rules.wiring._gradient_left import GradientKept
from backsight.diagnosis.rules.wiring._graphs_kept import GraphsKeptAlive
from backsight.diagnosis.rules.wiring._half_precision import LostInHalf
from backsight.diagnosis.rules.wiring._input_scale import NotNormalised
from backsight.diagnosis.rules.wiring._loss_sign import WrongSign
from backsight.diagnosis.rules.wiring._mixed_rows import MixedSequences
from backsight.diagnosis.rules.wiring._one_class import OneClass
from backsight.diagnosis.rules.wiring._one_column_read import OneColumnRead
from backsight.diagnosis.rules.wiring._one_step_read import OneStepRead
from backsight.diagnosis.rules.wiring._optimizer_anew import StateLost
from backsight.diagnosis.rules.wiring._padding_in_loss import PaddingInLoss
from backsight.diagnosis.rules.wiring._padding_packed import PaddingPacked
from backsight.diagnosis.rules.wiring._padding_read import PaddingRead
from backsight.diagnosis.rules.wiring._rate_course import RateCourse
from backsight.diagnosis.rules.wiring._row_order import RowsOutOfOrder
from backsight.diagnosis.rules.wiring._same_input import SameBatch
from backsight.diagnosis.rules.wiring._single_step import OneStepWindow
from backsight.diagnosis.rules.wiring._squashed import SquashedTwice
from backsight.diagnosis.rules.wiring._state_carried import StateCarried
from backsight.diagnosis.rules.wiring._state_drawn import StateDrawn
from backsight.diagnosis.rules.wiring._time_constants import FragileParameters
from backsight.diagnosis.rules.wiring._training_mode import WrongMode
from backsight.diagnosis.rules.wiring._units_alike import SameWeights
from backsight.diagnosis.rules.wiring._unowned import UnownedParameters
from backsight.diagnosis.rules.wiring._weights_replaced import Reinitialised
from backsight.diagnosis.rules.wiring._wide_weights import WideWeights

__all__ = ["WIRING"]

WIRING: tuple[type[Rule], ...] = (
    UnownedParameters,
    GradientKept,
    SquashedTwice,
    LossBroadcast,
    MixedSequences,
    OneStepRead,
    PaddingRead,
    PaddingPacked,
    RowsOutOfOrder,
    StateCarried,
    StateDrawn,
    PaddingInLoss,
    ClipMisplaced,
    WrongMode,
    RateCourse,
    StateLost,
    Reinitialised,
    GraphsKeptAlive,
    StrongDecay,
    FragileParameters,
    WrongSign,
    TargetIsInput,
    OneStepWindow,
    NotNormalised,
    SameBatch,
    OneClass,
    SameWeights,
    OneColumnRead,
    LostInHalf,
    WideWeights,
)
"""Each of them, by code."""
