"""Where measured values go: off their device, past the judge, to a recorder."""

from backsight.monitor.sinks._forwarding import Forwarding
from backsight.monitor.sinks._gate import Gate
from backsight.monitor.sinks._judging_sink import JudgingSink, Tell, announce
from backsight.monitor.sinks._late_recorder import LateRecorder
from backsight.monitor.sinks._null_recorder import NullRecorder
from backsight.monitor.sinks._outbox import Outbox, Recording
from backsight.monitor.sinks._sink import Sink, sinks_of

__all__ = [
    "Forwarding",
    "Gate",
    "JudgingSink",
    "LateRecorder",
    "NullRecorder",
    "Outbox",
    "Recording",
    "Sink",
    "Tell",
    "announce",
    "sinks_of",
]
