"""What a signal is, and how a run's signals get to disk and back. Never imports torch."""

from backsight.signals._catalogue import CATALOGUE, Signal, describe, family, member
from backsight.signals._folder import free_name
from backsight.signals._json import dumps, spell
from backsight.signals._recorder import Recorder
from backsight.signals._run import Run, list_runs
from backsight.signals._samples import Event, Profile, Series

__all__ = [
    "CATALOGUE",
    "Event",
    "Profile",
    "Recorder",
    "Run",
    "Series",
    "Signal",
    "describe",
    "dumps",
    "family",
    "free_name",
    "list_runs",
    "member",
    "spell",
]
