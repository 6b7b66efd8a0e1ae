"""BKS414 of loops over cells, of a user's own loop, and of layers in one direction."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from backsight.diagnosis import Facts, Sample
from backsight.diagnosis.rules.wiring._one_step_read import OneStepRead
from tests.causes import BATCH, INPUTS, STEPS, UNITS, drawn, findings

Read = Callable[[list[Tensor]], Tensor]

LAST_OF_REVERSED: dict[str, Read] = {
    "of a list": lambda s: s[::-1][-1],
    "put in front": lambda s: torch.cat([h.unsqueeze(1) for h in reversed(s)], 1)[:, -1],
    "stacked": lambda s: torch.stack(s, 1)[:, 0],
    "a slice": lambda s: torch.stack(s, 1)[:, :1],
    "flipped": lambda s: torch.stack(s).flip(0)[-1],
    "beside another": lambda s: torch.cat([torch.stack(s), torch.zeros(STEPS, BATCH, 2)], 2)[0],
    "transposed": lambda s: torch.stack(s).transpose(0, 1)[:, 0],
}
OTHERS: dict[str, Read] = {
    "last of a list": lambda s: s[-1],
    "last": lambda s: torch.stack(s, 1)[:, -1],
    "second": lambda s: torch.stack(s, 1)[:, 1],
    "all": lambda s: torch.stack(s, 1),
    "mean": lambda s: torch.stack(s, 1).mean(1),
    "first and last": lambda s: torch.stack(s, 1)[:, 0] + s[-1],
    "first of two stacks and all of one": lambda s: torch.stack(s)[0] + torch.stack(s).mean(0),
}


class Cells(nn.Module):
    """A loop over a cell."""

    def __init__(self, cell: nn.Module, read: Read) -> None:
        super().__init__()
        self.cell, self.read = cell, read

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, I)``."""
        states, state = [], None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            states.append(state[0] if isinstance(state, tuple) else state)
        return self.read(states)


class ByHand(nn.Module):
    """A loop that is no module."""

    def __init__(self, read: Read) -> None:
        super().__init__()
        self.gate, self.read = nn.Linear(INPUTS + UNITS, UNITS), read

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, I)``."""
        states, state = [], x.new_zeros(len(x), UNITS)
        for t in range(x.shape[1]):
            state = self.gate(torch.cat([x[:, t], state], 1)).tanh()
            states.append(state)
        return self.read(states)


def found(model: nn.Module, folder: Path) -> list[str]:
    """What BKS414 says of it."""
    told = findings(
        "BKS414", lambda m: m["a"](drawn(BATCH, STEPS)).square().mean(), folder, {"a": model}
    )
    return [one.message for one in told]


@pytest.mark.some(2)
@pytest.mark.parametrize("which", LAST_OF_REVERSED)
def test_the_first_step_of_a_loop_is_found(which: str, tmp_path: Path) -> None:
    read = LAST_OF_REVERSED[which]
    (message,) = found(Cells(nn.GRUCell(INPUTS, UNITS), read), tmp_path / "cell")
    assert "after the first of 6 steps" in message
    told = found(ByHand(read), tmp_path / "own")
    # Of a list, nothing in the graph tells that there were any later steps.
    assert [m[:56] for m in told] == (
        [] if which == "of a list" else ["the loss reads the state after the first of 6 steps, and"]
    )


@pytest.mark.some(2)
@pytest.mark.parametrize("which", OTHERS)
def test_what_reads_more_than_the_first_step_is_not(which: str, tmp_path: Path) -> None:
    assert found(Cells(nn.LSTMCell(INPUTS, UNITS), OTHERS[which]), tmp_path / "cell") == []
    assert found(ByHand(OTHERS[which]), tmp_path / "own") == []


class BothWays(nn.Module):
    """Two loops, from both ends."""

    def __init__(self, at: tuple[int, int]) -> None:
        super().__init__()
        self.fw, self.bw = nn.RNNCell(INPUTS, UNITS), nn.RNNCell(INPUTS, UNITS)
        self.at = at

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, I)``."""
        forwards = Cells(self.fw, torch.stack)(x)
        backwards = Cells(self.bw, torch.stack)(x.flip(1)).flip(0)
        both = torch.cat([forwards, backwards], 2)
        return torch.cat([both[self.at[0], :, :UNITS], both[self.at[1], :, UNITS:]], 1)


def test_of_two_directions_the_one_that_has_only_begun(tmp_path: Path) -> None:
    (message,) = found(BothWays((-1, -1)), tmp_path / "broken")
    assert "after the first of 6 steps" in message
    assert found(BothWays((-1, 0)), tmp_path / "sound") == []


@pytest.mark.some(2)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_the_first_step_of_a_layer_in_one_direction(
    kind: str, batch_first: bool, tmp_path: Path
) -> None:
    layer = getattr(nn, kind)(INPUTS, UNITS, batch_first=batch_first)
    for place, told in ((0, 1), (-1, 0), (2, 0)):

        def loss(m: nn.ModuleDict, place: int = place) -> Tensor:
            output: Tensor = m["rnn"](drawn(BATCH, STEPS))[0]
            taken = output[:, place] if batch_first else output[place]
            return taken.square().mean()

        each = findings("BKS414", loss, tmp_path / str(place), {"rnn": layer})
        assert [one.module for one in each] == ["rnn"] * told


def test_calls_that_hand_nothing_on_are_no_loop(tmp_path: Path) -> None:
    class Apart(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(INPUTS, UNITS)

        def forward(self, x: Tensor) -> Tensor:
            states = [self.cell(x[:, t]) for t in range(STEPS)]
            return torch.stack(states)[0]

    assert found(Apart(), tmp_path) == []


def test_of_several_loops_the_module_is_told() -> None:
    """A loop over a cell whose states are stacked is one."""
    rule = OneStepRead()
    for iteration in range(3):
        found = {"first_step_read/cell": 9.0, "first_step_read/loop": 9.0}
        rule.update(Sample(iteration, found, {}, Facts()))
    (one,) = rule.verdict().findings
    assert (one.module, one.signals) == ("cell", ("first_step_read/cell",))
    assert one.evidence == {"steps": 9.0}
