"""Parameters that say how fast a state fades: whether they are decayed, rounded, or overwritten."""

import re

import torch
from torch import nn

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement

__all__ = ["TimeConstants"]

NAMES = re.compile(
    r"a_logs?|a_(real|re)_log|log_a(_real|_re)?|dt_bias|log_dt|inv_dt|time_decay|"
    r"(log_|raw_)?(decays?|lambdas?|taus?|nus?|timescales?)|(decay|lambda|tau|nu|theta|gamma)_logs?|"
    r"decay_(rates?|logits?)"
)
"""What they are called, in lower case: by Mamba, S4, S5, LRU, RWKV and their relatives."""

STEP_BIASES = re.compile(r"(.*\.)?(dt_bias|(dt|delta)_proj(ection)?\.bias)")
"""The paths, in lower case, of those that are initialised to small steps, and never to 0."""

HALF = (torch.float16, torch.bfloat16)
TOLD = 12


class TimeConstants(Measurement):
    """``fragile_decay``: the weight decay of such parameters, and of those that carry the mark
    ``_no_weight_decay``; ``fragile_marked``, ``fragile_half`` and ``fragile_zero``: how many carry
    that mark and are decayed all the same, are in half precision, or are biases of the step size
    that were 0 everywhere when they were first looked at.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> rnn.A_log = torch.nn.Parameter(torch.zeros(4))
        >>> optimizer = torch.optim.AdamW(rnn.parameters(), weight_decay=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     (rnn(torch.randn(20, 2, 3))[0] * rnn.A_log.exp()).mean().backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["fragile_decay"].tolist(), run["fragile_decay/A_log"].tolist()
        ([0.1], [0.1])
    """

    name = "time constants"
    signals = ("fragile_decay", "fragile_half", "fragile_marked", "fragile_zero")
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._zero: dict[str, bool] = {}
        """By path, whether a bias of the step size was 0 everywhere at first."""

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Look at all of them."""
        decays = {
            id(p): float(group.get("weight_decay") or 0.0)
            for group in step.optimizer.param_groups
            for p in group["params"]
        }
        here = {path: p for path, p in step.parameters.items() if _is_one(path, p)}
        found = {path: decays.get(id(p), 0.0) for path, p in here.items()}
        marked = sum(_is_marked(p) and found[path] > 0 for path, p in here.items())
        before = now.numbers.get("fragile_decay", 0.0)
        now.record("fragile_decay", max([*found.values(), float(before)]))
        for path in sorted(found, key=lambda path: -found[path])[:TOLD]:
            now.record(f"fragile_decay/{path}", found[path])
        for path, p in step.parameters.items():
            if path not in self._zero and STEP_BIASES.fullmatch(path.lower()):
                self._zero[path] = not bool(p.any())
        zeros = sum(self._zero.get(path, False) for path in step.parameters)
        for name, count in (
            ("fragile_marked", marked),
            ("fragile_half", sum(p.dtype in HALF for p in here.values())),
            ("fragile_zero", zeros),
        ):
            now.record(name, float(now.numbers.get(name, 0.0)) + count)


def _last(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _is_one(path: str, parameter: nn.Parameter) -> bool:
    return NAMES.fullmatch(_last(path)) is not None or _is_marked(parameter)


def _is_marked(parameter: nn.Parameter) -> bool:
    """Whether whoever wrote the model asks for no decay."""
    return getattr(parameter, "_no_weight_decay", False) is True
