"""MLflow: a run of its own, with every number as a metric and the page as an artifact."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from ssl import SSLError
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.integrations._needs import needing
from backsight.report import write_report
from backsight.signals import Run, dumps

__all__ = ["MLflow"]

LEAST = "2.14"
"""The oldest version of MLflow that will do."""

MOST_METRICS = 1_000
"""Of one ``log_batch``: a server takes no more."""

MOST_LETTERS = 500
"""Of a tag: every store takes that many."""

TIMEOUT = 5.0
"""Seconds that a server may take to answer whether it is there."""

MAKING_TABLES = 60.0
"""Seconds that the end of a training waits for a database, which may have to be made first: that
alone takes MLflow some ten seconds, and longer beside other work."""

ANSWERING = 10.0
"""The same for a server, or a folder."""

ENDS = {"finished": "FINISHED", "killed": "KILLED"}
"""How MLflow calls the end of a run; all others are failures."""


class MLflow:
    """A sink that writes an MLflow run: it begins one of its own, and leaves the active one alone.

    Every signal is a metric, whose step is the iteration. A finding is the tag
    ``backsight.finding.CODE``. At the end, ``report.html`` and the newest row of each profile
    (``profiles.json``) become artifacts.

    Args:
        to: a tracking URI: a server, a database (``sqlite:///mlflow.db``) or a folder; by default
            where MLflow itself writes, as ``MLFLOW_TRACKING_URI`` or ``mlflow.set_tracking_uri``
            say.
        experiment: the experiment, which is created where there is none.
        tags: of the run.
        clock: seconds since the epoch, for MLflow's axis of wall time.

    Raises:
        SettingError: the package ``mlflow`` is missing or too old, or an argument makes no sense.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.integrations import MLflow
        >>> try:
        ...     MLflow("")
        ... except SettingError as error:
        ...     print(error)
        mlflow: needs a tracking URI after the colon, such as mlflow:http://localhost:5000
    """

    def __init__(
        self,
        to: str | Path | None = None,
        *,
        experiment: str = "backsight",
        tags: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if to is not None and not str(to):
            raise SettingError(
                "mlflow: needs a tracking URI after the colon, such as mlflow:http://localhost:5000"
            )
        with needing("the sink MLflow", "mlflow", LEAST):
            import mlflow
        self._mlflow: Any = mlflow
        self._to = None if to is None else str(to)
        self._experiment, self._tags, self._clock = experiment, dict(tags or {}), clock
        self._metrics: list[Any] = []
        self._rows: dict[str, dict[str, Any]] = {}
        self._client: Any = None
        self._server = ""
        self._in_folder = False
        self._folder = Path()
        self._id = ""

    @property
    def patience(self) -> float:
        """Seconds that the end of a training waits while nothing is taken."""
        database = urlsplit(self._uri()).scheme not in ("", "file", "http", "https")
        return MAKING_TABLES if database else ANSWERING

    def _uri(self) -> str:
        return self._to or str(self._mlflow.get_tracking_uri())

    def open(self, run: Path) -> None:
        """Begin a run of MLflow.

        Raises:
            OSError: the server does not answer.
        """
        uri = self._uri()
        scheme = urlsplit(uri).scheme
        self._server = uri if scheme in ("http", "https") else ""
        self._in_folder = scheme in ("", "file")
        self._ask_server()
        client = self._mlflow.MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(self._experiment)
        number = known.experiment_id if known else client.create_experiment(self._experiment)
        tags = {"backsight.run": str(run), **self._tags}
        self._id = client.create_run(number, run_name=run.name, tags=tags).info.run_id
        self._client, self._folder = client, run

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Keep the numbers of an iteration for the next :meth:`flush`."""
        now = int(1000 * self._clock())
        metric = self._mlflow.entities.Metric
        for name, value in values.items():
            self._metrics.append(metric(self._named(name), float(value), now, iteration))

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """Keep the newest row, for an artifact."""
        self._rows[name] = {"iteration": iteration, "row": row}

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """A tag for a finding; other events stay in the run folder.

        Raises:
            OSError: the server does not answer.
        """
        if kind == "finding":
            self._ask_server()
            words = f"{body['severity']} at iteration {iteration}: {body['title']}: "
            value = (words + body["message"])[:MOST_LETTERS]
            self._client.set_tag(self._id, f"backsight.finding.{body['code']}", value)

    def flush(self) -> None:
        """Hand on the numbers that wait; those that fail are forgotten.

        Raises:
            OSError: the server does not answer.
        """
        metrics, self._metrics = self._metrics, []
        if metrics:
            self._ask_server()
        for at in range(0, len(metrics), MOST_METRICS):
            some = metrics[at : at + MOST_METRICS]
            self._client.log_batch(self._id, metrics=some, synchronous=True)

    def close(self) -> None:
        """Add the artifacts, and end the run of MLflow as the run has ended.

        Raises:
            OSError: the server does not answer.
        """
        self._ask_server()
        self._end(ENDS.get(Run(self._folder).status, "FAILED"))
        with TemporaryDirectory(prefix="backsight-") as folder:
            Path(folder, "profiles.json").write_text(dumps(self._rows), encoding="utf-8")
            write_report(self._folder, Path(folder, "report.html"))
            self._client.log_artifacts(self._id, folder)

    def _end(self, status: str) -> None:
        """As ``set_terminated``, which prints where the run is among what the script prints."""
        known = self._mlflow.entities.RunStatus.from_string(status)
        end = int(1000 * self._clock())
        try:
            update = self._client._tracking_client.store.update_run_info
        except AttributeError:  # a version that has it elsewhere: without the time
            self._client.update_run(self._id, status=status)
        else:
            update(self._id, run_status=known, end_time=end, run_name=None)

    def _named(self, name: str) -> str:
        """As MLflow allows it; in a folder, ``grad_norm`` cannot be a file and a folder, too."""
        allowed = re.sub(r"[^\w\-. /]", "_", name)
        return allowed.replace("/", ".") if self._in_folder else allowed

    def _ask_server(self) -> None:
        """MLflow itself tries for minutes before it says that a server is down."""
        if not self._server:
            return
        try:
            with urllib.request.urlopen(f"{self._server.rstrip('/')}/health", timeout=TIMEOUT):
                pass
        except urllib.error.HTTPError as error:  # it answers
            error.close()
        except urllib.error.URLError as error:
            # What stands in the way of a certificate, MLflow may be told to pass over.
            if isinstance(error.reason, OSError) and not isinstance(error.reason, SSLError):
                raise ConnectionError(f"no answer from the MLflow server: {error.reason}") from None
