"""A live view of a run in a notebook, which goes on while a cell trains."""

import logging
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backsight.errors import BacksightError, SettingError
from backsight.integrations._needs import needing
from backsight.report import run_html
from backsight.signals import Run

if TYPE_CHECKING:  # a run that has ended is shown without torch
    from backsight.monitor import Watching

__all__ = ["live"]

_log = logging.getLogger("backsight")

LEAST = "0.9"
"""The oldest version of anywidget that will do."""

SHARE = 0.05
"""Of the time that looking at a run may take."""

SCRIPT = """
function render({ model, el }) {
  const show = () => { el.innerHTML = model.get("html"); };
  model.on("change:html", show);
  show();
  return () => model.off("change:html", show);
}
export default { render };
"""
"""All that runs in the browser: what is shown is drawn in Python, and nothing is loaded."""


def live(run: "Run | Watching | Path | str", *, every: float = 1.0) -> Any:
    """A widget that shows a run at a glance, and shows it anew while it trains.

    A thread of its own reads the run folder and sends what has changed, so that the view goes on
    while a cell of the same notebook trains, and shows runs of other processes as well. It ends
    with the run, or with ``widget.close()``.

    Args:
        run: a run, its folder, or what :func:`backsight.watch` gave.
        every: seconds between two looks at the run, at the least: looking takes at most a
            twentieth of the time.

    Raises:
        SettingError: ``anywidget`` is missing or too old, or an argument makes no sense.
        RunError: the run cannot be read.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.integrations import live
        >>> try:
        ...     live("runs/mine", every=0)
        ... except SettingError as error:
        ...     print(error)
        every is a number of seconds above 0, not 0
    """
    if not every > 0:
        raise SettingError(f"every is a number of seconds above 0, not {every!r}")
    known = run if isinstance(run, (Run, Path, str)) else getattr(run, "run", None)
    if known is None:
        raise SettingError(f"live expects a run, its folder or what watch gave, not {run!r:.80}")
    path = (known.path if isinstance(known, Run) else Path(known)).absolute()
    widget = _kind()(html=run_html(Run(path)))
    threading.Thread(
        target=_follow, args=(widget, path, every), name="backsight-live", daemon=True
    ).start()
    return widget


@cache
def _kind() -> Any:
    """The class of the widget, which is made when its package is needed."""
    with needing("a live view", "anywidget", LEAST, extra="notebook"):
        import anywidget
        import traitlets

    class RunView(anywidget.AnyWidget):  # type: ignore[misc]
        _esm = SCRIPT
        html = traitlets.Unicode("").tag(sync=True)

    return RunView


def _follow(widget: Any, path: Path, every: float) -> None:
    """Send what has changed, until the run has ended."""
    # ``threading.settrace`` of the user's is for their own threads.
    sys.settrace(None)
    sys.setprofile(None)
    training = True
    while training and widget.comm is not None:
        began = time.monotonic()
        try:
            run = Run(path)
            training = run.status == "running"
            html = run_html(run)
            if html != widget.html:
                widget.html = html
        except BacksightError:  # damaged, or being written: the next look may succeed
            pass
        except Exception as error:  # noqa: BLE001 - must not end as a traceback in some cell
            _log.warning("backsight: the live view of %s has ended: %r", path.name, error)
            return
        pause = max(every, (time.monotonic() - began) / SHARE)
        while training and pause > 0 and widget.comm is not None:
            time.sleep(min(pause, 1.0))
            pause -= 1.0
