"""Weights & Biases: a run of its own, offline unless you ask; profiles as histograms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError

__all__ = ["WandB"]

BINS = 512
"""A histogram of W&B has no more."""


class WandB:
    """A sink that writes a W&B run: it begins one of its own, and leaves yours alone.

    Every signal has ``iteration`` as its x-axis. A profile is a histogram: bin ``k`` is lag or step
    ``k``, and its height the value; of a row longer than 512, a bin is the largest of neighbouring
    values. A finding is an alert. Console output, code and system metrics are not captured.

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
        try:
            import wandb
        except ImportError as error:
            raise SettingError(
                f"the sink WandB needs the package wandb ({error}): type "
                "pip install 'backsight[wandb]'"
            ) from None
        self._wandb: Any = wandb
        self._options = {"project": project, "mode": mode} | options
        self._run: Any = None

    def open(self, run: Path) -> None:
        """Begin a run of W&B."""
        settings = self._wandb.Settings(
            console="off", silent=True, save_code=False, disable_git=True, login_timeout=5.0,
            x_disable_stats=True,
        )  # fmt: skip
        given = {"name": run.name, "dir": str(run), "settings": settings} | self._options
        # A run beside whatever the script itself logs to, which stays ``wandb.run``.
        self._run = self._wandb.init(reinit="create_new", **given)
        self._run.define_metric("iteration", hidden=True)
        self._run.define_metric("*", step_metric="iteration")

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """A row of the history."""
        self._run.log({**values, "iteration": iteration})

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """A histogram with a bin for each element of the row."""
        edges = np.arange(len(row) + 1) - 0.5
        starts = np.unique(np.linspace(0, len(row), min(len(row), BINS) + 1).astype(int))
        heights = np.maximum.reduceat(np.asarray(row, np.float64), starts[:-1])  # a NaN stays one
        histogram = self._wandb.Histogram(np_histogram=(heights.tolist(), edges[starts].tolist()))
        self._run.log({name: histogram, "iteration": iteration})

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """An alert for a finding; other events stay in the run folder."""
        if kind == "finding":
            levels = {"error": "ERROR", "warning": "WARN", "info": "INFO"}
            title = f"{body['code']} {body['title']}"
            text = f"iteration {iteration}: {body['message']}"
            self._run.alert(title=title, text=text, level=levels[body["severity"]])

    def close(self) -> None:
        """Finish the run of W&B."""
        if self._run is not None:
            self._run.finish()
