"""A loss that reads one sequence of a batch at every step, and everything that looks like it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from backsight import probe, watch
from backsight.probes import GradientProfile
from backsight.report import reach_sentences
from backsight.signals import Run

STEPS, BATCH = 5, 6

Loss = Callable[[Tensor], Tensor]
LAST: Loss = lambda output: output[:, -1].sum()  # noqa: E731
FIRST: Loss = lambda output: output[-1].sum()  # noqa: E731


def found(loss: Loss, kind: str = "RNN", *, batch_first: bool = False) -> GradientProfile:
    """Of the top layer; the layer is given five rows of six."""
    torch.manual_seed(0)
    layer = getattr(nn, kind)(3, 4, 2, batch_first=batch_first)
    x = torch.randn(STEPS, BATCH, 3)
    profiles = probe(layer, lambda: loss(layer(x)[0]))
    assert profiles["l0"].last_column is None
    return profiles["l1"]


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_last_sequence_alone_is_told_from_the_last_step(kind: str, batch_first: bool) -> None:
    sequences = STEPS if batch_first else BATCH
    swapped, right = (FIRST, LAST) if batch_first else (LAST, FIRST)
    assert found(swapped, kind, batch_first=batch_first).last_column == sequences
    assert found(right, kind, batch_first=batch_first).last_column == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda output: output[:, BATCH - 1].sum(),
        lambda output: output[:, -1, :].tanh().sum(),
        lambda output: nn.functional.dropout(output, 0.1)[:, -1].sum(),
        lambda output: (output @ torch.ones(4, 1))[:, -1].sum(),
        lambda output: output.unbind(1)[-1].sum(),
        lambda output: output.index_select(1, torch.tensor([BATCH - 1])).sum(),
        lambda output: output.gather(1, torch.full((STEPS, 1, 4), BATCH - 1)).sum(),
        lambda output: torch.stack([step[-1] for step in output]).sum() + 0 * output[:, -1].sum(),
    ],
)
def test_ways_of_taking_the_last_sequence(loss: Loss) -> None:
    assert found(loss).last_column == BATCH


def padding(*real: int) -> Tensor:
    """``(1, B, 1)``: 1 for sequences that are real."""
    mask = torch.zeros(1, BATCH, 1)
    mask[:, list(real)] = 1
    return mask


def valid(output: Tensor) -> Tensor:
    """Targets of all other sequences are to be ignored."""
    targets = torch.full((STEPS, BATCH), -100)
    targets[:, -1] = 1
    return nn.functional.cross_entropy(output.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize(
    "loss",
    [
        lambda output: output.sum(),
        lambda output: output[-1, -1].sum(),  # one step of it
        lambda output: output[1:, -1].sum(),  # all steps but one
        lambda output: output[:, 0].sum(),  # another sequence
        lambda output: output[:, -2:].sum(),
        lambda output: output[:, -1].sum() + output[-1].sum(),
        lambda output: (output * padding(BATCH - 1)).sum(),
        lambda output: (output * padding(BATCH - 1))[:, [0, -1]].sum(),
        lambda output: output[:, torch.arange(BATCH) == BATCH - 1].sum(),
        lambda output: output[:, torch.tensor([BATCH - 1])].sum(),
        valid,
    ],
)
def test_everything_else_is_not_accused(loss: Loss) -> None:
    assert found(loss).last_column == 0


@pytest.mark.parametrize("size", [(STEPS, 1), (1, BATCH)])
def test_one_sequence_or_one_step_is_not_asked(size: tuple[int, int]) -> None:
    layer, x = nn.RNN(3, 4), torch.randn(*size, 3)
    (profile,) = probe(layer, lambda: layer(x)[0][:, -1].sum()).values()
    assert profile.last_column is None


def test_packed_and_unbatched_sequences_are_not_asked() -> None:
    layer, x = nn.RNN(3, 4), torch.randn(STEPS, BATCH, 3)
    packed = nn.utils.rnn.pack_padded_sequence(x, [STEPS] * BATCH)
    (profile,) = probe(layer, lambda: layer(packed)[0].data[5::6].sum()).values()
    assert profile.last_column is None
    (profile,) = probe(layer, lambda: layer(x[:, 0])[0][:, -1].sum()).values()
    assert profile.last_column is None


def test_a_final_state_that_the_loss_reads_counts_as_well() -> None:
    layer, x = nn.LSTM(3, 4), torch.randn(STEPS, BATCH, 3)

    def loss(*rows: int) -> Tensor:
        output, (h, c) = layer(x)
        total: Tensor = output[:, -1].sum() + h[:, list(rows)].sum() + c[:, list(rows)].sum()
        return total

    (profile,) = probe(layer, lambda: loss(BATCH - 1)).values()
    assert profile.last_column == BATCH
    (profile,) = probe(layer, lambda: loss(0, BATCH - 1)).values()
    assert profile.last_column == 0


def test_windows_have_to_agree() -> None:
    layer, x = nn.RNN(3, 4), torch.randn(2, STEPS, BATCH, 3)

    def loss(*columns: int) -> Tensor:
        state, total = None, torch.zeros(())
        for window, column in zip(x, columns, strict=True):
            output, state = layer(window, state)
            total = total + output[:, column].sum()
        return total

    (profile,) = probe(layer, lambda: loss(-1, -1)).values()
    assert profile.last_column == BATCH
    (profile,) = probe(layer, lambda: loss(-1, 0)).values()
    assert profile.last_column == 0


def test_the_run_and_its_closing_sentence_tell_it(run_path: Path) -> None:
    """Of 20 sequences, 5 are followed; the loss reads another one."""
    torch.manual_seed(0)
    layer = nn.GRU(3, 4)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    with watch(layer, optimizer, run_path, every=1):
        layer(torch.randn(STEPS, 20, 3))[0][:, -1].sum().backward()
        optimizer.step()
    run = Run(run_path)
    assert run["last_column/l0"].tolist() == [20]
    (sentence,) = reach_sentences(run)
    assert (
        "the loss reads only the last of the 20 sequences: batch and time are swapped" in sentence
    )


# -- loops over steps ----------------------------------------------------------------------------


class Loop(nn.Module):
    """Goes along the first axis, as a layer without ``batch_first`` does."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 4) if kind == "cell" else None
        self.into, self.again = nn.Linear(3, 4), nn.Linear(4, 4, bias=False)

    def forward(self, x: Tensor, axis: int = 0) -> Tensor:
        h = c = x.new_zeros(x.shape[1], 4)
        outputs = []
        for step in x:
            if self.cell is None:
                h = torch.tanh(self.into(step) + self.again(h))
            else:
                h, c = self.cell(step, (h, c))
            outputs.append(h)
        return torch.stack(outputs, axis)


@pytest.mark.parametrize("kind", ["cell", "linear"])
def test_a_loop_that_walks_along_the_batch_is_told(kind: str) -> None:
    torch.manual_seed(0)
    net, x = Loop(kind), torch.randn(STEPS, BATCH, 3)

    def told(loss: Loss, axis: int = 0) -> set[float | None]:
        profiles = probe(net, lambda: loss(net(x, axis)))
        assert profiles
        return {profile.last_column for profile in profiles.values()}

    assert told(LAST) == {BATCH}
    assert told(FIRST, 1) == {BATCH}
    for loss in (
        FIRST,
        lambda output: output.sum(),
        lambda output: output[1:, -1].sum(),
        lambda output: output[:, 0].sum(),
        lambda output: (output * padding(BATCH - 1)).sum(),
        lambda output: output[:, -1].sum() + output[-1].sum(),
    ):
        assert told(loss) == {0}
    assert told(LAST, 1) == {0}
