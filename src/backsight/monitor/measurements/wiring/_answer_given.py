"""Whether a loss asks for what the model has just been given."""

from collections import Counter
from itertools import islice

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    LayerInput,
    answers_given,
    asks_for_last,
    errors_by_hand,
    loss_targets,
    mark_input,
    tensors_in,
)

__all__ = ["AnswerInInput"]


class AnswerInInput(Measurement):
    """Targets that are the very inputs their answers are made from.

    In all, and by kind: ``this step`` where the newest input that an answer depends on is the
    answer, ``among`` where it is some of that input's features,
    ``next step`` where a bidirectional layer reads it, ``reproduced`` where the model may
    be an autoencoder of numbers, ``last step`` where one number is asked for, and it is the last
    one of the window.

    Example:
        >>> import torch
        >>> import backsight
        >>> embed, rnn = torch.nn.Embedding(8, 8), torch.nn.RNN(8, 8, batch_first=True)
        >>> model = torch.nn.Sequential(embed, rnn)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     x = torch.randint(8, (4, 11))
        ...     z = model(x)[0].flatten(0, 1)
        ...     torch.nn.functional.cross_entropy(z, x.flatten()).backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["answer_in_input"].tolist()
        [44.0]
    """

    name = "answer in input"
    signals = ("answer_in_input", "answer_lag")
    schedule = FIRST_AND_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._found: Counter[str] | None = None
        self._lag = 0
        self._given: list[Tensor] = []
        """What models were given: windows of numbers."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._found, self._lag, self._given = None, 0, []

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Leave the input of a recurrent layer at the graph of its output."""
        adapter = call.adapter
        if adapter is None:
            return
        output = call.result[0] if isinstance(call.result, tuple) else call.result
        x = now.input_of(call)
        if isinstance(output, PackedSequence) or not (
            isinstance(output, Tensor) and isinstance(x, Tensor)
        ):
            return
        if adapter.reading == "fused":
            if x.dim() != 3:
                return
            steps = 1 if getattr(call.module, "batch_first", False) else 0
            both = bool(getattr(call.module, "bidirectional", False))
            read = LayerInput(call.path, x.detach(), steps, both)
            mark_input(output, read)
            for state in tensors_in(call.result[1]):
                mark_input(state, read, final=True)
        elif x.dim() == 2:
            mark_input(output, LayerInput(call.path, x.detach()))

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what the model was given."""
        given = tensors_in((call.inputs, call.named))
        self._given += [x.detach() for x in given if x.grad_fn is None and x.dim() in (2, 3)]

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Hold targets against inputs."""
        answers = answers_given(passed.operations)
        if answers is not None:
            self._found = self._found or Counter()
            for answer in answers:
                self._found[answer.kind] += answer.targets
                self._lag = max(self._lag, answer.lag)
            if not answers:
                made = passed.operations
                targets = loss_targets(made) or [*islice(errors_by_hand(made), 1)]
                asked = [one for one in targets if any(asks_for_last(one, x) for x in self._given)]
                if asked:
                    self._found["last step"] += sum(one.target.numel() for one in asked)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record how many there are."""
        self._given = []
        if self._found is None:
            return
        now.record("answer_in_input", float(self._found.total()))
        now.record("answer_lag", float(self._lag))
        for kind, targets in self._found.items():
            now.record(f"answer_in_input/{kind}", float(targets))
