"""Other tools, each fed as its README asks a user to feed it.

Their settings are the fullest that need no knowledge of the fault. Left out is what would only
accuse: ``max_grad_norm`` of traintools (a warning wherever a norm exceeds it), its number of
classes (a warning for each label that marks filler), targets that are not classes (to it, a column
is a single class) and step times in the log (of a busy machine).
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["READERS", "WATCHERS", "Iteration", "Said", "Watcher", "read_log"]


@dataclass(frozen=True)
class Said:
    """One finding of a tool."""

    code: str
    severity: str
    """``error``, ``warning`` or ``info``."""
    words: str


@dataclass(frozen=True)
class Iteration:
    """What a training loop knows when its gradients are ready."""

    number: int
    loss: float
    lr: float
    inputs: Tensor | None
    targets: Tensor | None


class Watcher(Protocol):
    """A tool within the training process."""

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Called once, in the first iteration."""

    def before_step(self, now: Iteration) -> None:
        """Called after the backward pass."""

    def after_step(self, now: Iteration) -> None:
        """Called once the optimizer has moved the weights."""

    def said(self) -> list[Said]:
        """Called when the script has ended."""


class Torchmortem:
    """``Autopsy``, sampling thoroughly."""

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        made = import_module("torchmortem").Autopsy(model, optimizer=optimizer, sampling="thorough")
        made.attach()
        self.autopsy = made

    def before_step(self, now: Iteration) -> None:
        pass

    def after_step(self, now: Iteration) -> None:
        self.autopsy.step(loss=now.loss)

    def said(self) -> list[Said]:
        self.autopsy.detach()
        report = self.autopsy.get_report()
        severities = {"CRITICAL": "error", "WARNING": "warning", "INFO": "info"}
        found = [
            Said(f.title.partition(" in ")[0], severities[f.severity.name], _words(f))
            for f in report.findings
        ]
        return found + [Said(i.title, "warning", _words(i)) for i in report.insights]


def _words(finding: Any) -> str:
    return " ".join([finding.title + ".", finding.summary, *finding.remediation])


class Trainscope:
    """``TrainScope`` with its profile ``debug``, and ``trainscope report``."""

    FOLDER = Path("trainscope_runs")

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        scope = import_module("trainscope").TrainScope
        chosen = {"profile": "debug", "run_dir": str(self.FOLDER), "run_name": "run"}
        config = import_module("trainscope.core.config").load_config(chosen)
        self.scope = scope(model, optimizer, config=config).attach()

    def before_step(self, now: Iteration) -> None:
        self.scope.step(now.loss, batch_index=now.number)

    def after_step(self, now: Iteration) -> None:
        pass

    def said(self) -> list[Said]:
        self.scope.detach()
        build = import_module("trainscope.report").build_run_report
        signature = asyncio.run(build(self.FOLDER / "run"))["signal_signature"]
        steps, exploded = signature["first_steps"], signature["explosion_step"]
        found = [Said(s, "warning", f"{s} crossed at step {steps[s]}") for s in signature["fired"]]
        if exploded is not None:
            found.append(Said("explosion", "error", f"Objective explosion at step {exploded}"))
        return found


TRAINTOOLS_CODES = {
    "non-finite values": "batch is not finite",
    "abs max": "batch is out of scale",
    "nearly constant": "batch is constant",
    "is empty": "batch is empty",
    "dominant class": "labels of one class",
    "labels outside": "labels out of range",
    "non-finite gradients": "gradient is not finite",
    "appears vanished": "gradient vanished",
    "very large": "gradient is large",
    "no gradients": "no gradients",
    "ratio is high": "update ratio is high",
    "ratio is tiny": "update ratio is tiny",
}
"""By words of its warnings, which have no codes."""


class Traintools:
    """``BatchInspector``, ``GradientHealthMonitor`` and ``TraintoolsTracker``.

    The estimate of a batch size is off: no script is about it, and it runs the model anew.
    """

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        tools = import_module("traintools")
        tracker = import_module("traintools.callbacks.pytorch").TraintoolsTracker
        self.model = model
        self.tracker = tracker(model, loss_fn=None, verbose=False)
        self.inspector, self.health = tools.BatchInspector(), tools.GradientHealthMonitor()
        self.found: dict[str, Said] = {}

    def before_step(self, now: Iteration) -> None:
        if now.inputs is not None:
            classes = now.targets is not None and not now.targets.is_floating_point()
            targets = now.targets if classes else None
            batch = self.inspector.inspect(now.inputs, targets, step=now.number)
            self._warn(now, batch.warnings)
        self._warn(now, self.health.inspect(self.model, step=now.number, lr=now.lr).warnings)

    def after_step(self, now: Iteration) -> None:
        self.tracker.step(step=now.number)

    def said(self) -> list[Said]:
        for result in self.tracker.plasticity_history.results:
            if result.critical_layers:
                code = "units are dormant"
                self.found.setdefault(code, Said(code, "warning", str(result)))
        return list(self.found.values())

    def _warn(self, now: Iteration, warnings: Iterable[str]) -> None:
        for words in warnings:
            code = next((c for part, c in TRAINTOOLS_CODES.items() if part in words), words)
            self.found.setdefault(code, Said(code, "warning", f"[step {now.number}] {words}"))


class Gradsnitch:
    """``gradsnitch.watch``."""

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        self.monitor = import_module("gradsnitch").watch(model, optimizer, check_every=50)

    def before_step(self, now: Iteration) -> None:
        self.monitor.log(now.number, now.loss)

    def after_step(self, now: Iteration) -> None:
        pass

    def said(self) -> list[Said]:
        return [Said(f.code, f.severity, str(f)) for f in self.monitor.report()]


WATCHERS: dict[str, type[Watcher]] = {
    "gradsnitch": Gradsnitch,
    "torchmortem": Torchmortem,
    "trainscope": Trainscope,
    "traintools": Traintools,
}
READERS = {
    "losslint": ("losslint.cli", "check", "runs", "--format", "json"),
    "runmedic": ("runmedic", "diagnose", "runs", "--json"),
}
"""The commands of tools that read logs."""


def read_log(tool: str, folder: Path) -> list[Said]:
    """What a tool finds in ``folder/runs``: the CSV of the run and all that the script printed.

    Raises:
        ValueError: The tool printed no report.
    """
    command = [sys.executable, "-m", *READERS[tool]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise ValueError(f"{tool}: {done.stderr.strip()[-300:]}") from None
    runs = report if isinstance(report, list) else [report]
    severities = {"critical": "error"}
    return [
        Said(f["check"], severities.get(f["severity"], f["severity"]), _report_words(f))
        for run in runs
        for f in run["findings"]
    ]


def _report_words(finding: dict[str, Any]) -> str:
    if "message" in finding:
        return str(finding["message"])
    parts = (finding["evidence"], finding["likely_causes"], finding["fixes"])
    return " ".join([f"{finding['title']}.", *(line for part in parts for line in part)])
