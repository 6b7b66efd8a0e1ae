"""Weights & Biases: a run of its own, offline unless you ask; the reach as picture at its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.integrations._bins import as_histogram
from backsight.integrations._needs import needing
from backsight.report import run_html
from backsight.signals import Run

__all__ = ["WandB"]

LEAST = "0.19.10"
"""The oldest version of W&B that lets a run begin beside another one."""


class WandB:
    """A sink that writes a W&B run: it begins one of its own, and leaves yours alone.

    Every signal has ``iteration`` as its x-axis. A profile is a histogram: bin ``k`` is lag or step
    ``k``, and its height the value; of a row longer than 512, a bin is the largest of neighbouring
    values. A finding is an alert. At the end, ``run`` shows the run at a glance: its loss and its
    reach as pictures. Console output, code and system metrics are not captured.

    Args:
        project: the project.
        mode: ``offline`` writes into the run folder, for ``wandb sync``; ``online`` needs
            ``wandb login`` before.
        options: more for ``wandb.init``, such as ``group`` or ``tags``.

    Raises:
        SettingError: the package ``wandb`` is missing or too old, or there is no such mode.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.integrations import WandB
        >>> try:
        ...     WandB(mode="sometimes")
        ... except SettingError as error:
        ...     print(error)
        mode is offline or online, not 'sometimes'
    """

    def __init__(
        self,
        project: str = "backsight",
        *,
        mode: Literal["offline", "online"] = "offline",
        **options: Any,
    ) -> None:
        if mode not in ("offline", "online"):
            raise SettingError(f"mode is offline or online, not {mode!r}")
        with needing("the sink WandB", "wandb", LEAST):
            import wandb
        self._wandb: Any = wandb
        self._options = {"project": project, "mode": mode} | options
        self._run: Any = None
        self._folder = Path()

    def open(self, run: Path) -> None:
        """Begin a run of W&B."""
        settings = self._wandb.Settings(
            console="off", silent=True, save_code=False, disable_git=True, login_timeout=5.0,
            x_disable_stats=True,
        )  # fmt: skip
        given = {"name": run.name, "dir": str(run), "settings": settings} | self._options
        # A run beside whatever the script itself logs to, which stays ``wandb.run``.
        self._run = self._wandb.init(reinit="create_new", **given)
        self._folder = run
        self._run.define_metric("iteration", hidden=True)
        self._run.define_metric("*", step_metric="iteration")

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """A row of the history."""
        self._run.log({**values, "iteration": iteration})

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """A histogram with a bin for each element of the row."""
        histogram = self._wandb.Histogram(np_histogram=as_histogram(row))
        self._run.log({name: histogram, "iteration": iteration})

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """An alert for a finding; other events stay in the run folder."""
        if kind == "finding":
            levels = {"error": "ERROR", "warning": "WARN", "info": "INFO"}
            title = f"{body['code']} {body['title']}"
            text = f"iteration {iteration}: {body['message']}"
            self._run.alert(title=title, text=text, level=levels[body["severity"]])

    def close(self) -> None:
        """Show the run at a glance, and finish the run of W&B."""
        if self._run is None:
            return
        try:
            run = Run(self._folder)
            glance = self._wandb.Html(run_html(run), inject=False)
            self._run.log({"run": glance, "iteration": max(0, run.iterations - 1)})
        finally:
            self._run.finish()
