"""Graphs that something keeps, and everything that looks like it."""

import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backsight import Run, diagnose, watch
from backsight.diagnosis import Finding
from backsight.probes import GraphTags, LossOperations

STEPS = 26


class Training:
    """A net and its optimizer, and what a script keeps."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.rnn, self.head = nn.GRU(2, 4), nn.Linear(4, 1)
        self.net = nn.ModuleList([self.rnn, self.head])
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3)
        self.kept: Any = []
        self.total: Any = 0.0

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """States, outputs and the loss."""
        states = self.rnn(torch.randn(3, 2, 2))[0]
        outputs = self.head(states[-1])
        return states, outputs, outputs.square().mean()

    def step(self, loss: Tensor, **named: Any) -> None:
        self.optimizer.zero_grad()
        loss.backward(**named)  # type: ignore[no-untyped-call]
        self.optimizer.step()


Step = Callable[[Training, int], object]


def findings(step: Step, path: Path) -> list[Finding]:
    """Of rule BKS426, after some steps."""
    training = Training()
    with watch(training.net, training.optimizer, path, every=1):
        for i in range(STEPS):
            step(training, i)
    diagnosis = diagnose(Run(path))
    outcomes = {one.code: one.outcome for one in diagnosis.verdicts}
    assert outcomes["BKS426"] in ("finding", "healthy")
    return [one for one in diagnosis.findings if one.code == "BKS426"]


def adds_up(t: Training, i: int) -> None:
    *_, loss = t.forward()
    t.step(loss)
    t.total = t.total + loss


def adds_up_in_place(t: Training, i: int) -> None:
    *_, loss = t.forward()
    t.step(loss)
    t.total += loss


def lists_losses(t: Training, i: int) -> None:
    *_, loss = t.forward()
    t.step(loss)
    t.kept.append(loss)


def lists_outputs(t: Training, i: int) -> None:
    _, outputs, loss = t.forward()
    t.step(loss)
    t.kept.append(outputs)


def lists_states(t: Training, i: int) -> None:
    states, _, loss = t.forward()
    t.step(loss)
    t.kept.append(states)


def lists_what_was_made_of_it(t: Training, i: int) -> None:
    _, outputs, loss = t.forward()
    t.kept.append(outputs.exp().sum())
    t.step(loss)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "step",
    [
        adds_up,
        adds_up_in_place,
        lists_losses,
        lists_outputs,
        lists_states,
        lists_what_was_made_of_it,
    ],
)
def test_what_is_kept_with_its_graph_is_found(step: Step, tmp_path: Path) -> None:
    (found,) = findings(step, tmp_path / "run")
    assert found.severity == "warning"
    assert found.evidence == {"graphs": STEPS - 2.0}  # without the newest, and the one under way


def smooths_a_validation_loss(t: Training, i: int) -> None:
    """Nobody calls ``backward`` on it."""
    t.step(t.forward()[-1])
    t.total = 0.9 * t.total + 0.1 * t.forward()[-1]


def lists_validation_outputs(t: Training, i: int) -> None:
    t.net.eval()
    t.kept.append(t.forward()[1])
    t.net.train()
    t.step(t.forward()[-1])


def carries_a_state_that_is_never_trained(t: Training, i: int) -> None:
    t.step(t.forward()[-1])
    state = t.total if isinstance(t.total, Tensor) else None
    t.total = t.rnn(torch.randn(3, 2, 2), state)[1]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "step",
    [smooths_a_validation_loss, lists_validation_outputs, carries_a_state_that_is_never_trained],
)
def test_graphs_of_forwards_without_a_backward_pass_are_found(step: Step, tmp_path: Path) -> None:
    (found,) = findings(step, tmp_path / "run")
    assert found.severity == "warning"
    assert float(found.evidence["graphs"]) >= STEPS - 3


@pytest.mark.long
def test_cells_that_validate_with_gradients_are_found(tmp_path: Path) -> None:
    torch.manual_seed(0)
    cell = nn.LSTMCell(2, 4)
    optimizer = torch.optim.SGD(cell.parameters(), lr=1e-3)

    def ends_at() -> Tensor:
        state: Any = None
        for _ in range(40):
            state = cell(torch.randn(3, 2), state)
        return state[0].square().mean()  # type: ignore[no-any-return]

    held: Any = 0.0
    with watch(cell, optimizer, tmp_path / "run", every=1):
        for _ in range(STEPS):
            optimizer.zero_grad()
            ends_at().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            held = held + ends_at()
    assert "BKS426" in {one.code for one in diagnose(Run(tmp_path / "run")).findings}


def keeps_numbers(t: Training, i: int) -> None:
    _, outputs, loss = t.forward()
    t.step(loss)
    t.total += loss.item()
    t.kept += [loss.detach(), outputs.detach().clone()]


def keeps_the_last_ten(t: Training, i: int) -> None:
    *_, loss = t.forward()
    t.step(loss)
    t.kept = [*t.kept, loss][-10:]


def keeps_an_epoch(t: Training, i: int) -> None:
    adds_up(t, i)
    if i % 4 == 3:
        t.total = t.total.item()


def lists_what_a_validation_made(t: Training, i: int) -> None:
    """For one mean; the list is bound anew with each."""
    t.step(t.forward()[-1])
    t.kept = [t.forward()[1] for _ in range(30)]
    t.total = torch.cat(t.kept).mean()


def validates_with_gradients(t: Training, i: int) -> None:
    t.step(t.forward()[-1])
    t.total = 0.9 * t.total + 0.1 * t.forward()[-1].item()


def replays(t: Training, i: int) -> None:
    t.kept += [one.detach() for one in t.forward()[:2]]
    t.step(t.forward()[-1] + t.kept[i // 2].square().mean())


def keeps_the_best(t: Training, i: int) -> None:
    t.step(t.forward()[-1])
    held = t.forward()[-1]
    t.total = held if i == 0 or held < t.total else t.total


def keeps_a_window(t: Training, i: int) -> None:
    """Truncated: each pass goes on through the graphs of the last few windows."""
    state = t.kept[-1][1] if t.kept else torch.zeros(1, 2, 4)
    given = state.detach().requires_grad_()
    states, made = t.rnn(torch.randn(3, 2, 2), given)
    t.kept = [*t.kept, (given, made)][-6:]
    t.optimizer.zero_grad()
    t.head(states[-1]).square().mean().backward(retain_graph=True)
    for (later, _), (_, earlier) in zip(t.kept[:0:-1], t.kept[-2::-1], strict=True):
        earlier.backward(later.grad, retain_graph=True)
    # A step would write into what the graphs of the window have saved.
    for p in t.net.parameters():
        p.grad = None


def retains(t: Training, i: int) -> None:
    *_, loss = t.forward()
    loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    t.step(loss)


def differentiates_twice(t: Training, i: int) -> None:
    *_, loss = t.forward()
    gradients = torch.autograd.grad(loss, list(t.rnn.parameters()), create_graph=True)
    t.step(loss + sum(g.square().sum() for g in gradients))


def accumulates(t: Training, i: int) -> None:
    losses = [t.forward()[-1] for _ in range(6)]
    t.step(torch.stack(losses).mean())


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "step",
    [
        keeps_numbers,
        keeps_the_last_ten,
        keeps_an_epoch,
        lists_what_a_validation_made,
        validates_with_gradients,
        replays,
        keeps_the_best,
        keeps_a_window,
        retains,
        differentiates_twice,
        accumulates,
    ],
)
def test_graphs_that_are_let_go_are_not_accused(step: Step, tmp_path: Path) -> None:
    assert findings(step, tmp_path / "run") == []


def test_a_state_that_is_not_detached_is_not_counted(tmp_path: Path) -> None:
    """It has a rule of its own."""
    torch.manual_seed(0)
    cell, state = nn.RNNCell(2, 4), torch.zeros(3, 4)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.0)
    with watch(cell, optimizer, tmp_path / "run", every=1):
        for _ in range(STEPS):
            state = cell(torch.randn(3, 2), state)
            optimizer.zero_grad()
            state.square().mean().backward(retain_graph=True)
            # A step would write into what the graph of the next pass has saved.
            for p in cell.parameters():
                p.grad = None
    assert set(Run(tmp_path / "run")["graphs_kept"].tolist()) == {0.0}


def test_a_mark_keeps_nothing_alive_and_changes_nothing() -> None:
    weight, tags = torch.ones(3, requires_grad=True), GraphTags()
    hidden = (2 * weight).tanh()
    loss = hidden.sum()
    before = len(loss.grad_fn.next_functions)  # type: ignore[union-attr]
    tags.mark(LossOperations([loss]))
    tags.begin()
    assert tags.alive() == 1
    assert len(loss.grad_fn.next_functions) == before  # type: ignore[union-attr]
    held, node = weakref.ref(hidden), weakref.ref(loss)
    loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, 2 * (1 - torch.tanh(torch.tensor(2.0)) ** 2).expand(3))
    assert pickle.loads(pickle.dumps(loss.detach())) == loss
    del hidden, loss
    assert (held(), node(), tags.alive()) == (None, None, 0)


def test_graphs_that_share_an_operation_count_once() -> None:
    """A part that was computed before the loop."""
    weight, tags = torch.ones(3, requires_grad=True), GraphTags()
    shared = weight.exp()
    losses = [(shared * i).sum() for i in range(4)]
    for loss in losses:
        tags.mark(LossOperations([loss]))
        tags.begin()
    assert tags.alive() == 1


def test_a_leaf_alone_is_not_marked() -> None:
    tags = GraphTags()
    tags.mark(LossOperations([torch.ones(1, requires_grad=True)]))
    assert tags.alive() == 0


def test_a_look_at_the_nearest_operations_goes_no_further() -> None:
    """What follows goes on from there, and finds each operation once."""
    total = weight = torch.ones(3, requires_grad=True)
    for _ in range(50):
        total = total.tanh() + weight
    loss = total.sum()
    at_once, bit_by_bit = LossOperations([loss]).named(), LossOperations([loss, loss])
    assert bit_by_bit.named(4) == at_once[:4]
    assert bit_by_bit.named(2) == at_once[:2]
    assert len(bit_by_bit.named()) == len(at_once) == 102
    assert bit_by_bit.whole
