"""A loop that is written by hand, and what it begins in."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from backsight.probes import LoopCarried, LossOperations, loop_begun

BATCH, STEPS, INPUTS, UNITS = 6, 5, 2, 9

Step = Callable[[nn.ModuleDict, Tensor, Tensor], Tensor]


def plain(m: nn.ModuleDict, x: Tensor, state: Tensor) -> Tensor:
    return torch.tanh(m["reads"](x) + m["keeps"](state))


def gated(m: nn.ModuleDict, x: Tensor, state: Tensor) -> Tensor:
    gate = torch.sigmoid(m["gate_reads"](x) + m["gate_keeps"](state))
    return gate * state + (1 - gate) * plain(m, x, state)


def matrices(m: nn.ModuleDict, x: Tensor, state: Tensor) -> Tensor:
    reads, keeps = (m[name].get_parameter("weight").t() for name in ("reads", "keeps"))
    return torch.tanh(x @ reads + state @ keeps)


STEP: dict[str, Step] = {"plain": plain, "gated": gated, "matrices": matrices}


def told(step: Step, batches: list[Tensor], *, reset: bool = False) -> list[bool | None]:
    torch.manual_seed(0)
    m = nn.ModuleDict(
        {
            name: nn.Linear(inputs, UNITS)
            for gate in ("", "gate_")
            for name, inputs in ((f"{gate}reads", INPUTS), (f"{gate}keeps", UNITS))
        }
    )
    read_out, state, found, carried = (
        nn.Linear(UNITS, 1),
        torch.zeros(BATCH, UNITS),
        [],
        LoopCarried(),
    )
    for batch in batches:
        state = torch.zeros_like(state) if reset else state.detach()
        for x in batch:
            state = step(m, x, state)
        made = LossOperations([read_out(state).square().mean()])
        begun = loop_begun(made)
        assert begun is not None
        found.append(carried.look(made, begun))
    return found


@pytest.mark.parametrize("which", STEP)
def test_of_batches_that_are_drawn_anew(which: str) -> None:
    batches = [torch.randn(STEPS, BATCH, INPUTS) for _ in range(3)]
    assert told(STEP[which], batches) == [False, True, True]
    assert told(STEP[which], batches, reset=True) == [False] * 3


def test_windows_that_follow_on_are_none() -> None:
    stream = torch.randn(3 * STEPS, BATCH, INPUTS)
    first, second, third = stream[:STEPS], stream[STEPS : 2 * STEPS], stream[2 * STEPS :]
    assert told(plain, [first, second, third]) == [False] * 3
    assert told(plain, [first, third, second]) == [False, True, True]
