"""What PyTorch is seen to do: backward passes, steps, forwards, and which iteration they make."""

from backsight.monitor.events._bare_tensors import BareTensors
from backsight.monitor.events._call_chains import CallChains
from backsight.monitor.events._evaluations import Evaluations
from backsight.monitor.events._first_calls import FirstCalls
from backsight.monitor.events._forwards import Forwards
from backsight.monitor.events._iteration_detector import IterationDetector
from backsight.monitor.events._lone_calls import LoneCalls
from backsight.monitor.events._moved_by_hand import MovedByHand
from backsight.monitor.events._owners import Owners
from backsight.monitor.events._parameters import Model, ObservedParameters
from backsight.monitor.events._sampler import RARELY, Every, Sampler
from backsight.monitor.events._step_handles import StepHandles

__all__ = [
    "RARELY",
    "BareTensors",
    "CallChains",
    "Evaluations",
    "Every",
    "FirstCalls",
    "Forwards",
    "IterationDetector",
    "LoneCalls",
    "Model",
    "MovedByHand",
    "ObservedParameters",
    "Owners",
    "Sampler",
    "StepHandles",
]
