"""Observes a training loop: step events in, recorded signals out."""

from backsight.monitor._judged import announce
from backsight.monitor._monitor import Monitor
from backsight.monitor._process import LateRecorder, ProcessMonitor
from backsight.monitor._watch import Nowhere, watch

__all__ = [
    "LateRecorder",
    "Monitor",
    "Nowhere",
    "ProcessMonitor",
    "announce",
    "watch",
]
