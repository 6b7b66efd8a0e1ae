"""Whether a model reads one feature of several, or is asked for one output of several."""

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import given_beside, loss_targets, tensors_in
from backsight.probes.wiring import one_output_asked

__all__ = ["OneFeature"]

ANY = 1 << 30
"""More rows than there are: whatever is taken apart is put together in order."""

WIDEST = 64
"""Features of an input that are compared with what a layer is given."""

LARGEST = 1 << 18
"""Numbers of a batch, out of which the model is given a part, that targets are looked for in."""


class OneFeature(Measurement):
    """Features of a model's input of which its only recurrent layer is given one, cut out; or of a
    batch, out of which the model is given one.

    0 where it is given anything else, where another layer is given data, or where the loss asks for
    a part of that input, or of that batch. ``one_output_read``: outputs of a linear layer, of which
    the loss takes one, and asks for that column of a table that is as wide.

    Example:
        >>> import torch
        >>> import backsight
        >>> class Forecaster(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rnn = torch.nn.GRU(1, 4, batch_first=True)
        ...     def forward(self, table):
        ...         return self.rnn(table[..., :1])[0][:, -1]
        >>> model = Forecaster()
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     model(torch.randn(8, 20, 3)).square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["one_feature_read/rnn"].tolist()
        [3.0]
    """

    name = "one feature"
    signals = ("one_feature_read", "one_output_read")
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._given: dict[str, Tensor | None] = {}
        """By path of a layer, its input, if that is one feature of the data."""
        self._batch: Tensor | None = None
        """What that was cut out of; from the end of the model on, if that was before the model."""
        self._table: Tensor | None = None
        self._path, self._features = "", 0
        self._asked = False
        """Whether a loss has been seen."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what a layer was given."""
        if call.adapter is None or not torch.is_grad_enabled():
            return
        x = now.readers[call.path].input_of(call.inputs, call.named)
        first = call.path not in self._given
        self._given[call.path] = None
        if first and isinstance(x, Tensor) and x.dim() == 3:
            one = x.shape[-1] == 1 and not x.requires_grad
            self._given[call.path] = x.detach() if one else None
            self._batch = x._base if one else None

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """Look for it in what the model was given."""
        if call.path not in now.models or len(self._given) != 1:
            return
        ((path, x),) = self._given.items()
        if x is None or path == call.path:
            return
        self._path = path
        tables = [one for one in tensors_in((call.inputs, call.named)) if _is_table(one)]
        batch, self._batch = self._batch, None
        if not tables and batch is not None and _is_table(batch) and batch.numel() <= LARGEST:
            tables = [batch]
            self._batch = batch
        if len(tables) == 1 and _is_column(x[..., 0], tables[0].detach()):
            self._table, self._features = tables[0].detach(), tables[0].shape[-1]

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """See whether anything else reads data, or is asked for."""
        if not self._asked:
            self._asked = True
            now.record("one_output_read", float(one_output_asked(passed.operations)))
        table = self._table
        if table is None:
            return
        made = passed.operations
        storage = table.untyped_storage().data_ptr()
        targets = [one.target for one in loss_targets(made)]
        asked = [one.untyped_storage().data_ptr() for one in targets]
        copied = self._batch is not None and any(_holds(table, one) for one in targets)
        if storage in asked or copied or given_beside(made, now.layers.values(), ANY):
            self._features = 0
        if made.those({"Embedding"}):
            self._features = 0
        self._table = None

    def on_iteration_end(self, now: Iteration) -> None:
        """Record how many features there are."""
        if self._path:
            now.record(f"one_feature_read/{self._path}", float(self._features))
        self._begin()


def _is_table(one: Tensor) -> bool:
    return one.dim() == 3 and not one.requires_grad and 1 < one.shape[-1] <= WIDEST


@torch.no_grad()
def _holds(table: Tensor, target: Tensor) -> bool:
    """Whether the numbers that are asked for are a copy of some of a batch."""
    return bool(torch.isin(target.to(table), table).all())


@torch.no_grad()
def _is_column(x: Tensor, table: Tensor) -> bool:
    """Whether ``(·, ·)`` is one feature of ``(·, ·, F)``, in either order of the axes."""
    for rows in (table, table.transpose(0, 1)):
        if rows.shape[:2] == x.shape and rows.dtype == x.dtype:
            return any(torch.equal(x, column) for column in rows.unbind(2))
    return False
