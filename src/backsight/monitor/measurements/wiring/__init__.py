"""How a training is put together: what its graph and its calls show, whatever the numbers are.

Most mistakes in a training script can be told from there without a threshold. None of these asks
the model for another forward.
"""

from backsight.monitor.measurements._measurement import Measurement
from backsight.monitor.measurements.wiring._answer_given import AnswerInInput
from backsight.monitor.measurements.wiring._axis_of_time import AxisOfTime
from backsight.monitor.measurements.wiring._clamped import Clamped
from backsight.monitor.measurements.wiring._clip_moment import ClipMoment
from backsight.monitor.measurements.wiring._decay import DecayShare
from backsight.monitor.measurements.wiring._first_step import FirstStep
from backsight.monitor.measurements.wiring._gradient_left import GradientLeft
from backsight.monitor.measurements.wiring._graphs_kept import GraphsKept
from backsight.monitor.measurements.wiring._group_rates import GroupRates
from backsight.monitor.measurements.wiring._guess import Guess
from backsight.monitor.measurements.wiring._half_state import HalfState
from backsight.monitor.measurements.wiring._half_updates import HalfUpdates
from backsight.monitor.measurements.wiring._initial_gain import InitialGain
from backsight.monitor.measurements.wiring._initial_state import InitialState
from backsight.monitor.measurements.wiring._input_scale import InputScale
from backsight.monitor.measurements.wiring._loss_input import LossInput
from backsight.monitor.measurements.wiring._loss_sign import LossSign
from backsight.monitor.measurements.wiring._mixed_rows import MixedRows
from backsight.monitor.measurements.wiring._one_feature import OneFeature
from backsight.monitor.measurements.wiring._one_series import OneSeries
from backsight.monitor.measurements.wiring._optimizer_anew import OptimizerAnew
from backsight.monitor.measurements.wiring._packed_lengths import PackedLengths
from backsight.monitor.measurements.wiring._passes_thrown import PassesThrown
from backsight.monitor.measurements.wiring._persistence import PersistenceLoss
from backsight.monitor.measurements.wiring._phase import Phase
from backsight.monitor.measurements.wiring._plateau import PlateauUpward
from backsight.monitor.measurements.wiring._put_back import PutBack
from backsight.monitor.measurements.wiring._row_order import RowOrder
from backsight.monitor.measurements.wiring._same_input import SameInput
from backsight.monitor.measurements.wiring._schedule_length import ScheduleLength
from backsight.monitor.measurements.wiring._silent_input import SilentInput
from backsight.monitor.measurements.wiring._single_step import SingleStep
from backsight.monitor.measurements.wiring._steps_read import StepsOfLoss
from backsight.monitor.measurements.wiring._time_constants import TimeConstants
from backsight.monitor.measurements.wiring._training_mode import TrainingMode
from backsight.monitor.measurements.wiring._units_alike import UnitsAlike
from backsight.monitor.measurements.wiring._unowned import Unowned
from backsight.monitor.measurements.wiring._weights_replaced import WeightsReplaced
from backsight.monitor.measurements.wiring._zero_weights import ZeroWeights

__all__ = [
    "WIRING",
    "AnswerInInput",
    "AxisOfTime",
    "Clamped",
    "ClipMoment",
    "DecayShare",
    "FirstStep",
    "GradientLeft",
    "GraphsKept",
    "GroupRates",
    "Guess",
    "HalfState",
    "HalfUpdates",
    "InitialGain",
    "InitialState",
    "InputScale",
    "LossInput",
    "LossSign",
    "MixedRows",
    "OneFeature",
    "OneSeries",
    "OptimizerAnew",
    "PackedLengths",
    "PassesThrown",
    "PersistenceLoss",
    "Phase",
    "PlateauUpward",
    "PutBack",
    "RowOrder",
    "SameInput",
    "ScheduleLength",
    "SilentInput",
    "SingleStep",
    "StepsOfLoss",
    "TimeConstants",
    "TrainingMode",
    "UnitsAlike",
    "Unowned",
    "WeightsReplaced",
    "ZeroWeights",
]

WIRING: tuple[type[Measurement], ...] = (
    GradientLeft,
    PassesThrown,
    LossInput,
    Unowned,
    MixedRows,
    StepsOfLoss,
    PackedLengths,
    OneFeature,
    OneSeries,
    FirstStep,
    AnswerInInput,
    AxisOfTime,
    InputScale,
    Guess,
    PersistenceLoss,
    SingleStep,
    RowOrder,
    SameInput,
    UnitsAlike,
    SilentInput,
    ZeroWeights,
    InitialGain,
    InitialState,
    Clamped,
    ClipMoment,
    TrainingMode,
    OptimizerAnew,
    Phase,
    GroupRates,
    PlateauUpward,
    ScheduleLength,
    WeightsReplaced,
    PutBack,
    GraphsKept,
    LossSign,
    DecayShare,
    TimeConstants,
    HalfState,
    HalfUpdates,
)
"""Each of them."""
