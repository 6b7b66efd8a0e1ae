"""What the writer of a run does, without reading or verifying what it has recorded."""

from dataclasses import dataclass

from backsight.signals._folder import STORE
from backsight.signals._process import process_is_alive
from backsight.signals._reading import opened
from backsight.signals._run import Run
from backsight.signals._schema import SEALED_FORMAT, format_of

__all__ = ["Pulse", "pulse"]

RECORDED = (
    "SELECT events, chain FROM seal",
    "SELECT COUNT(*), TOTAL(samples), TOTAL(chain) FROM length",
)
"""Something in them changes with every sample and event, and with nothing else."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The writer of a run at one moment.

    Example:
        >>> from backsight.signals import Recorder, Run, pulse
        >>> Recorder("runs/mine").close()
        >>> pulse(Run("runs/mine")).status
        'finished'
    """

    status: str
    """As of :attr:`Run.status`."""
    heartbeat: float | None
    """When the writer last committed, in seconds since the epoch."""
    recorded: str | None
    """Differs wherever anything more was recorded; None for a run of an earlier format, which does
    not say."""


def pulse(run: Run) -> Pulse:
    """What the writer of a run does, in one look; nothing that was recorded is verified.

    Raises:
        RunError: the store cannot be opened, or is none of ours.

    Example:
        >>> from backsight.signals import Recorder, Run, pulse
        >>> for name, losses in (("one", [2.0]), ("two", [2.0, 1.0])):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.series("loss", range(len(losses)), losses)
        >>> pulse(Run("runs/one")).recorded == pulse(Run("runs/two")).recorded
        False
    """
    store = run.path / STORE
    with opened(store) as (connection, _):
        sealed = format_of(connection, store) >= SEALED_FORMAT
        rows = connection.execute("SELECT time FROM heartbeat WHERE id = 1").fetchall()
        heartbeat = float(rows[0][0]) if rows else None
        found = [connection.execute(sql).fetchall() for sql in RECORDED] if sealed else None
    status = str(run.info.get("status"))
    if status == "running" and not process_is_alive(run.info.get("writer") or {}, heartbeat):
        status = run.status  # which finds out how it ended
    return Pulse(status, heartbeat, None if found is None else repr(found))
