"""Modules that behave otherwise in training: whether they are told that it is training."""

import math
import weakref

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.rnn import PackedSequence
from torch.optim import Optimizer

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall, OptimizerStep
from backsight.monitor.measurements._measurement import LOOKED_AT_THEN_RARELY, Measurement
from backsight.probes import (
    dropout_of,
    named_modules,
    named_parameters,
    rate_between,
    rate_of_dropout,
    rows_silenced,
    tensors_in,
)

__all__ = ["TrainingMode"]

MOST = 4
"""Inputs of layers, and of a model, that are held against each other."""

FEWEST = 3
"""Looks before the first evaluation: fewer may be those of a first phase."""

LOOKED_AT = 200
"""Operations nearest to the loss that may be dropout."""


class TrainingMode(Measurement):
    """Dropout and batch normalisation in eval mode, and the highest dropout, at the last pass.

    Dropout of a raw input leaves no graph: it shows in what a layer is given of what its model was.

    ``eval_mode``: how many of these modules are in eval mode, where all are, together with the
    models that hold them; 1 where there are none and a model in eval mode calls functional.dropout,
    which it tells not to drop. ``eval_part``: as many where others train, or the model itself does.
    ``eval_dropout``: 1 where functional.dropout has dropped in the newest evaluation all the same.
    ``dropout_stopped``: the rate that was there in every look before the first evaluation, where
    there has been none in any look since; 0 otherwise.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4, 2, dropout=0.1)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for training in (True, False):
        ...         rnn.train(training)(torch.randn(20, 2, 3))[0].mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["eval_mode"].tolist(), run["dropout_rate"].tolist()
        ([0.0, 1.0], [0.1, 0.0])
    """

    name = "training mode"
    signals = (
        "dropout_rate", "dropout_silenced", "dropout_stopped", "eval_dropout", "eval_mode",
        "eval_part",
    )  # fmt: skip
    schedule = LOOKED_AT_THEN_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._seen: tuple[int, int, float] | None = None
        self._silenced = 0.0
        self._stepped = False
        self._raw: list[Tensor] = []
        """What layers are given without a graph."""
        self._raw_rate = 0.0
        self._stops = _Stops()

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._seen, self._stepped, self._silenced = None, False, 0.0
        self._raw, self._raw_rate = [], 0.0

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what a layer is given."""
        if call.adapter is None or len(self._raw) >= MOST:
            return
        x = now.input_of(call)
        data = x.data if isinstance(x, PackedSequence) else x
        if isinstance(data, Tensor) and data.is_floating_point() and data.grad_fn is None:
            self._raw.append(data.detach())

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """Hold it against what the model was given."""
        given = [x for x in tensors_in((call.inputs, call.named)) if x.grad_fn is None]
        rates = [rate_between(x, y) for x in given[:MOST] for y in self._raw]
        self._raw_rate = max([self._raw_rate, *rates])

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at the modes; of several passes, the last counts."""
        moved = set(map(id, now.parameters.values()))
        modes: list[bool] = []
        trains, learns, rate = False, False, 0.0
        for model in now.models.values():
            if moved.isdisjoint(id(p) for _, p in named_parameters(model)):
                continue
            its = [(m.training, dropout_of(m)) for _, m in named_modules(model) if _depends(m)]
            modes += [training for training, _ in its]
            trains = trains or (model.training and bool(its))
            learns = learns or model.training
            rate = max([rate, *(p for training, p in its if training)])
        operations = [node for _, node in passed.operations.named(LOOKED_AT)]
        rates = [(one, node) for node in operations if (one := rate_of_dropout(node)) > 0]
        rate = max([rate, self._raw_rate, *(one for one, _ in rates)])
        self._silenced = max((rows_silenced(node, one) for one, node in rates), default=0.0)
        if now.silent and not modes and not learns:
            modes = [False]  # of the model itself, which asks for it
        still = modes.count(False)
        everywhere = still == len(modes) and not trains
        self._seen = (still, 0, rate) if everywhere else (0, still, rate)

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """What was seen was training."""
        self._stepped = True
        self._stops.of(step.optimizer)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        self._raw = []
        if self._seen is None or not (self._stepped or now.by_hand):
            return
        whole, part, rate = self._seen
        now.record("eval_mode", float(whole))
        now.record("eval_part", float(part))
        now.record("dropout_rate", rate)
        now.record("dropout_silenced", self._silenced)
        now.record("dropout_stopped", self._stops.add(rate, now.evaluations))
        if now.drops_in_eval is not None:
            now.record("eval_dropout", float(now.drops_in_eval))


class _Stops:
    """Dropout that is there until a model is evaluated for the first time, and never again.

    Who lets dropout end on purpose does so later, and not while the model is tested.
    """

    def __init__(self) -> None:
        self._optimizer: weakref.ref[Optimizer] | None = None
        self._begin()

    def _begin(self) -> None:
        self._least = math.inf
        """The lowest rate before the first evaluation."""
        self._looks = 0
        """As many were there."""
        self._stopped: bool | None = None
        """Whether there was none in any look after it; None before there was one."""

    def of(self, optimizer: Optimizer) -> None:
        """Another optimizer begins another training."""
        if self._optimizer is None or self._optimizer() is not optimizer:
            self._optimizer = weakref.ref(optimizer)
            self._begin()

    def add(self, rate: float, evaluations: int) -> float:
        """One more look; the rate that has stopped, or 0."""
        if not evaluations:
            self._least, self._looks = min(self._least, rate), self._looks + 1
        elif self._stopped is None:
            self._stopped = not rate and evaluations == 1 and self._looks >= FEWEST
        else:
            self._stopped = self._stopped and not rate
        return self._least if self._stopped else 0.0


def _depends(module: nn.Module) -> bool:
    """Whether it does something else in training than in eval mode."""
    if issubclass(type(module), _NormBase):
        return bool(vars(module)["track_running_stats"]) and "Instance" not in type(module).__name__
    return dropout_of(module) > 0
