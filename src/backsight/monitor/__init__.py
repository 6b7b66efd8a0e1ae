"""Observes a training loop: step events in, recorded signals out."""

from backsight.monitor._iteration import (
    BackwardPass,
    Iteration,
    LayerCall,
    OptimizerStep,
    looked_at,
)
from backsight.monitor._monitor import Monitor
from backsight.monitor._process import ProcessMonitor
from backsight.monitor._seen import Seen
from backsight.monitor._watch import Watching, watch
from backsight.monitor.measurements import (
    EVERY_ITERATION,
    FIRST_AND_RARELY,
    MEASUREMENTS,
    SAMPLED,
    STANDARD,
    LayerFaults,
    Measurement,
    every_nth_sample,
)
from backsight.monitor.sinks import LateRecorder, NullRecorder, Recording, Sink, announce

__all__ = [
    "EVERY_ITERATION",
    "FIRST_AND_RARELY",
    "MEASUREMENTS",
    "SAMPLED",
    "STANDARD",
    "BackwardPass",
    "Iteration",
    "LateRecorder",
    "LayerCall",
    "LayerFaults",
    "Measurement",
    "Monitor",
    "NullRecorder",
    "OptimizerStep",
    "ProcessMonitor",
    "Recording",
    "Seen",
    "Sink",
    "Watching",
    "announce",
    "every_nth_sample",
    "looked_at",
    "watch",
]
