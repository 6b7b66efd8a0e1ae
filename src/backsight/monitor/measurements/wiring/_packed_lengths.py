"""Whether batches are packed with the lengths of their own sequences."""

import torch
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import lengths_unlike, packed_from, packed_of, tensors_in

__all__ = ["PackedLengths"]


class PackedLengths(Measurement):
    """The share of sequences that are packed with lengths which are not theirs: some are cut short,
    others go on into padding. 0 where that is not so, or one of the two only.

    Example:
        >>> import torch
        >>> import backsight
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> model = torch.nn.ModuleDict({"of": torch.nn.Embedding(9, 4), "rnn": torch.nn.GRU(4, 4)})
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> lengths = torch.arange(2, 10)
        >>> there = torch.arange(9) < lengths[:, None]
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     x = model["of"](torch.randint(1, 9, (8, 9)) * there)
        ...     packed = pack_padded_sequence(x, lengths.flip(0), batch_first=True)
        ...     model["rnn"](packed)[1].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["lengths_unlike/rnn"].tolist()
        [1.0]
    """

    name = "packed lengths"
    signals = ("lengths_unlike",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._found: dict[str, float] = {}
        self._packed: dict[str, PackedSequence] = {}
        """By path, data that were packed, until the model ends that may have been given them."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._found, self._packed = {}, {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Hold the lengths against what was packed."""
        if call.adapter is None or call.adapter.reading != "fused" or not torch.is_grad_enabled():
            return
        x = now.input_of(call)
        if not isinstance(x, PackedSequence):
            return
        if not x.data.requires_grad:
            self._packed[call.path] = x
        self._note(call.path, [lengths_unlike(x, padded) for padded in packed_from(x)])

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """What the model was given has its padding still."""
        given = [x for x in tensors_in((call.inputs, call.named)) if x.grad_fn is None]
        for path, packed in self._packed.items():
            whole = [rows for x in given if (rows := packed_of(packed, x)) is not None]
            self._note(path, [lengths_unlike(packed, rows) for rows in whole])

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it, of each layer that is given packed batches."""
        found, self._found, self._packed = self._found, {}, {}
        for path, share in found.items():
            now.record(f"lengths_unlike/{path or 'model'}", share)

    def _note(self, path: str, shares: list[float]) -> None:
        if shares:
            self._found[path] = max(*shares, self._found.get(path, 0.0))
