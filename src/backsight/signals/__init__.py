"""What a signal is, and how a run's signals get to disk and back. Never imports torch."""

from backsight.signals import _log as _log
from backsight.signals._alignment import CommonSamples, common_samples
from backsight.signals._atomic import clear_halves, replacing, write_atomically
from backsight.signals._checked import check, check_format, read_object
from backsight.signals._deep_words import capacity_words, lyapunov_words
from backsight.signals._ending import END_REASONS, EndReason
from backsight.signals._folder import check_place, free_name, shown
from backsight.signals._half_lives import SHARES, StateHalfLives, half_life_words
from backsight.signals._json import dumps, spell, write_json
from backsight.signals._memory import (
    MemoryMeasures,
    MemoryReading,
    block_words,
    measure_memory,
    memory_extent,
    memory_reading,
    memory_words,
    unmoved_words,
)
from backsight.signals._migration import (
    FORMAT,
    current_plan,
    current_remedy,
    current_tried,
    former_remedy,
)
from backsight.signals._order import natural_order
from backsight.signals._process import process_identity, process_is_alive
from backsight.signals._pulse import Pulse, pulse
from backsight.signals._reach import (
    Lag,
    ReachMeasures,
    ReachOutcome,
    measure_reach,
    reach_share,
    reach_shares,
)
from backsight.signals._reach_words import reach_extent, reach_words
from backsight.signals._recorder import Committed, Recorder
from backsight.signals._regular_file import exists, open_regular
from backsight.signals._run import Run
from backsight.signals._run_list import list_runs
from backsight.signals._samples import Event, Profile, SampleBlock, Series
from backsight.signals._schemas import Count, Time
from backsight.signals._secrets import hide_words
from backsight.signals._stream import SignalStream
from backsight.signals._window import RunWindow
from backsight.signals._zero_words import zero_words
from backsight.signals.catalogue import CATALOGUE, Signal, describe, family, member

__all__ = [
    "CATALOGUE",
    "END_REASONS",
    "FORMAT",
    "SHARES",
    "Committed",
    "CommonSamples",
    "Count",
    "EndReason",
    "Event",
    "Lag",
    "MemoryMeasures",
    "MemoryReading",
    "Profile",
    "Pulse",
    "ReachMeasures",
    "ReachOutcome",
    "Recorder",
    "Run",
    "RunWindow",
    "SampleBlock",
    "Series",
    "Signal",
    "SignalStream",
    "StateHalfLives",
    "Time",
    "block_words",
    "capacity_words",
    "check",
    "check_format",
    "check_place",
    "clear_halves",
    "common_samples",
    "current_plan",
    "current_remedy",
    "current_tried",
    "describe",
    "dumps",
    "exists",
    "family",
    "former_remedy",
    "free_name",
    "half_life_words",
    "hide_words",
    "list_runs",
    "lyapunov_words",
    "measure_memory",
    "measure_reach",
    "member",
    "memory_extent",
    "memory_reading",
    "memory_words",
    "natural_order",
    "open_regular",
    "process_identity",
    "process_is_alive",
    "pulse",
    "reach_extent",
    "reach_share",
    "reach_shares",
    "reach_words",
    "read_object",
    "replacing",
    "shown",
    "spell",
    "unmoved_words",
    "write_atomically",
    "write_json",
    "zero_words",
]
