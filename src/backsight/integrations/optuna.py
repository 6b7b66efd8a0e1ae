"""Optuna: a finding prunes the trial, where you ask for it."""

from typing import Any, get_args

from backsight.integrations._needs import require

require("optuna", extra="optuna", at_least="3.0")

import optuna  # noqa: E402

from backsight.diagnosis import Severity  # noqa: E402
from backsight.errors import SettingError  # noqa: E402
from backsight.monitor import Monitor  # noqa: E402

__all__ = ["FINDINGS", "RUN", "prune_on_finding"]

FINDINGS = "backsight_findings"
"""The user attribute of a trial that lists the codes of its findings, the gravest first."""

RUN = "backsight_run"
"""The user attribute of a trial that says where its run is."""


def prune_on_finding(trial: Any, monitor: Any, severity: Severity = "error") -> None:
    """Prune the trial if a finding of its training lasts that is at least as grave.

    To be called between two iterations, once an epoch or every few hundred iterations: it waits for
    what is measured. Each call notes on the trial where the run is and which findings last; a run
    that ends by this is recorded as failed, with the finding as its reason.

    Args:
        trial: the ``optuna.Trial``.
        monitor: what :func:`backsight.watch` gave, or a callback or handler of Backsight's, which
            observes nothing before its training begins.
        severity: the least that prunes: ``info``, ``warning`` or ``error``.

    Raises:
        optuna.TrialPruned: there is such a finding.
        SettingError: an argument is not what is expected.

    Example:
        >>> import backsight, optuna, torch
        >>> from backsight.integrations.optuna import prune_on_finding
        >>> def objective(trial):
        ...     rnn = torch.nn.RNN(3, 4)
        ...     optimizer = torch.optim.SGD(rnn.parameters(), trial.suggest_float("lr", 1, 2))
        ...     with backsight.watch(rnn, optimizer) as monitor:
        ...         for x in torch.rand(20, 12, 2, 3):
        ...             optimizer.zero_grad()
        ...             (rnn(x)[0].sum() * float("nan")).backward()
        ...             optimizer.step()
        ...             prune_on_finding(trial, monitor)
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> study = optuna.create_study()
        >>> study.optimize(objective, n_trials=1)
        >>> study.trials[0].state.name, study.trials[0].user_attrs["backsight_findings"]
        ('PRUNED', ['BKS201'])
    """
    levels = get_args(Severity)  # the gravest first
    if severity not in levels:
        raise SettingError(f"severity is one of {', '.join(levels)}, not {severity!r}")
    if not callable(getattr(trial, "set_user_attr", None)):
        raise SettingError(f"prune_on_finding expects a trial of Optuna's first, not {trial!r:.80}")
    session = getattr(monitor, "_session", None) or getattr(monitor, "session_", None)
    if session is not None:
        monitor = session.monitor
        if monitor is None:
            return
    if not isinstance(monitor, Monitor):
        raise SettingError(
            "prune_on_finding expects what backsight.watch gave, or a callback of Backsight's, "
            f"not {monitor!r:.80}"
        )
    monitor.collect()
    found = [finding for finding in monitor.found if finding.severity != "info"]
    codes = list(dict.fromkeys(finding.code for finding in found))
    if trial.user_attrs.get(FINDINGS, []) != codes:
        trial.set_user_attr(FINDINGS, codes)
    run = getattr(monitor, "run", None)
    if run is not None and RUN not in trial.user_attrs:
        trial.set_user_attr(RUN, str(run.path))
    grave = levels[: levels.index(severity) + 1]
    for finding in monitor.found:
        if finding.severity in grave:
            pruned = optuna.TrialPruned(f"{finding.code} {finding.title}: {finding.message}")
            if session is not None:
                session.end(pruned)  # its trainer may not tell
            raise pruned
