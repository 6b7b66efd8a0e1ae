"""What a signal is, and how a run's signals get to disk and back. Never imports torch."""

from backsight.signals._catalogue import CATALOGUE, Signal, describe, family, member
from backsight.signals._folder import free_name
from backsight.signals._json import dumps, spell
from backsight.signals._recorder import Recorder
from backsight.signals._run import Profile, Run, Series, list_runs
from backsight.signals._store import Event

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
