"""Observes a training loop: step events in, recorded signals out."""

from backsight.monitor._monitor import Monitor
from backsight.monitor._watch import watch

__all__ = ["Monitor", "watch"]
