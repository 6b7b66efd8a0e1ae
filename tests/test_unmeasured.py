"""Whatever is found and not measured says why: in a probe, in the log, and in the report."""

# Parts are set on a model as each case needs them.
# mypy: disable-error-code="no-untyped-call, no-any-return"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight import Run, probe, watch
from backsight.cli._run import _paths
from backsight.errors import SettingError
from backsight.probes import Readers
from backsight.probes import _steps as steps_
from backsight.probes._unmeasured import Unmeasured
from backsight.probes.loops import _reader as loops_
from backsight.probes.loops import _weights
from backsight.probes.stepped import _reader as stepped_
from backsight.report import reach_sentences
from backsight.signals import measure_reach

B = 4


class Cell(nn.Module):
    """A cell of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.u = nn.Linear(3, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.w(x) + self.u(h))


class Loop(nn.Module):
    """Calls a cell once a step, and changes its state on the way if it is told how."""

    def __init__(self, cell: nn.Module, change: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.cell, self.change = cell, change

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[1], 8)
        for step in x:
            h = self.cell(step, h)
            h = h if self.change is None else self.change(h)
        return h


class Gate(nn.Module):
    """Hands its own state on, inside another module that does."""

    def __init__(self) -> None:
        super().__init__()
        self.u = nn.Linear(8, 8)

    def forward(self, h: Tensor) -> Tensor:
        return torch.tanh(self.u(h))


class Outer(nn.Module):
    """A cell whose part hands a state on by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.gate, self.kept = nn.Linear(3, 8), Gate(), torch.zeros(B, 8)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        self.kept = self.gate(self.kept)
        return self.kept + torch.tanh(self.w(x) + h)


def probed(model: nn.Module, steps: int) -> dict[str, Any]:
    x = torch.randn(steps, B, 3)
    return {
        name: profile.summary
        for name, profile in probe(model, lambda: model(x).square().mean()).items()
    }


def trained(model: nn.Module, lengths: list[int], path: Path) -> Run:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer, path, every=1):
        for length in lengths:
            optimizer.zero_grad()
            model(torch.randn(length, B, 3)).square().mean().backward()
            optimizer.step()
    return Run(path)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four calls are held."""
    monkeypatch.setattr(steps_, "HELD", 4)
    monkeypatch.setattr(stepped_, "HELD", 4)


WORDS = "cell: not measured, because it was called 6 times, and at most 4 calls are kept"


@pytest.mark.parametrize("cell", [nn.GRUCell, lambda *_: Cell()])
@pytest.mark.usefixtures("few")
def test_more_calls_than_are_kept(cell: Any) -> None:
    assert probed(Loop(cell(3, 8)), 6)["cell"] == WORDS


@pytest.mark.usefixtures("few")
def test_the_log_and_the_report_say_it_once_each(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = trained(Loop(nn.GRUCell(3, 8)), [6, 6, 6], run_path)
    assert caplog.text.count(WORDS) == 1
    assert [one for one in reach_sentences(run) if "not measured" in one] == [f"{WORDS}."]
    assert [event.body["untold"] for event in run.events("inputs")] == [[WORDS]]


def test_sequences_that_have_become_longer_cost_one_sample(
    run_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 5 steps, 10 calls are kept without a backward pass; after the 11th, 4 times as many."""
    monkeypatch.setattr(steps_, "SPARE", 1)
    run = trained(Loop(nn.GRUCell(3, 8)), [5, 30, 30, 30], run_path)
    assert run.profile("reach/cell").iterations.tolist() == [0, 2, 3]
    assert not caplog.text
    assert not [one for one in reach_sentences(run) if "not measured" in one]


def test_the_last_sequence_may_be_the_longest(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_, "SPARE", 1)
    run = trained(Loop(nn.GRUCell(3, 8)), [5, 30], run_path)
    (words,) = [event.body["untold"] for event in run.events("inputs")]
    assert words == ["cell: not measured, because it was called more than 10 times before a "
                     "backward pass; if these are predictions, make them under torch.no_grad()"
                    ]  # fmt: skip


def test_episodes_of_any_length_are_measured(run_path: Path) -> None:
    run = trained(Loop(nn.GRUCell(3, 8)), [3, 40, 2, 60], run_path)
    assert run.profile("reach/cell").iterations.tolist() == [0, 1, 2, 3]


def test_a_part_that_hands_a_state_on_is_measured_instead() -> None:
    model = Loop(Outer())
    found = probed(model, 6)
    assert found["cell"] == (
        "cell: not measured, because cell.gate, a part of it, hands a state on from call to call, "
        "too, and is looked at instead"
    )
    assert "lag" in found["cell.gate"] or "earlier step" in found["cell.gate"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """No loop is looked for in a graph of more than 20 operations."""
    monkeypatch.setattr(_weights, "LARGEST", 20)
    monkeypatch.setattr(loops_, "LARGEST", 20)


@pytest.mark.parametrize("steps", [12, 30])
@pytest.mark.usefixtures("small")
def test_a_state_that_is_changed_on_its_way(steps: int) -> None:
    """Where no loop is found in the graph either, whose size is told beside it."""
    words = (
        "cell: not measured, because what it returns is changed before its next call, so that no "
        "state is seen to be handed on; the model: not measured, because the graph of the loss has "
        "more than 20 operations, or 15,000 one after another, in which no loop is looked for"
    )
    with pytest.raises(SettingError, match=words):
        probed(Loop(Cell(), lambda h: 0.5 * h), steps)


def test_a_loop_that_is_found_in_the_graph_needs_no_excuse() -> None:
    assert list(probed(Loop(Cell(), lambda h: 0.5 * h), 12)) == ["loop:cell.u"]


class InGraph(nn.Module):
    """A loop over a step that is no module; the last sequences of the batch go on."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.u = nn.Linear(3, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(B, 8)
        for n, step in enumerate(x):
            h = torch.tanh(self.w(step[-len(h) :]) + self.u(h))[(n + 1) // 3 :]
        return h


def test_states_of_several_shapes() -> None:
    words = "loop:u: not measured, because its state does not have the same shape at each step"
    with pytest.raises(SettingError, match=words):
        probed(InGraph(), 6)


@pytest.mark.usefixtures("small")
def test_a_graph_that_is_too_large(run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = trained(InGraph(), [6, 6], run_path)
    words = (
        "the model: not measured, because the graph of the loss has more than 20 operations, or "
        "15,000 one after another, in which no loop is looked for"
    )
    assert caplog.text.count(words) == 1
    assert f"{words}." in reach_sentences(run)


def test_a_module_that_no_gradient_arrives_at(run_path: Path) -> None:
    class Aside(Loop):
        def __init__(self) -> None:
            super().__init__(Cell())
            self.rnn = nn.RNN(3, 8)

        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            return self.rnn(x)[0]

    model = Aside()
    words = "cell: not measured, because no gradient of the loss arrived at its states"
    assert probed(model, 6)["cell"] == words
    run = trained(model, [6, 6], run_path)
    assert [one for one in reach_sentences(run) if "not measured" in one] == [f"{words}."]


def test_a_layer_that_is_fed_its_own_output_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_, "HELD", 2)

    class Fed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            out, h = self.rnn(x[:1])
            for _ in x[1:]:
                out, h = self.rnn(out, h)
            return out

    found = probed(Fed(), 6)["rnn.l0"]
    assert found.endswith(
        "rnn: the reach leaves out the way through its own output as the next input, because it "
        "was called more than 4 times before a backward pass; if these are predictions, make them "
        "under torch.no_grad()"
    )


def test_predictions_with_gradients_now_and_then_need_no_word(
    run_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that is generated between two steps; the samples without it are whole."""
    monkeypatch.setattr(steps_, "SPARE", 1)
    rnn = nn.GRU(3, 3)

    def rolled(steps: int) -> Tensor:
        out, h = rnn(torch.randn(1, B, 3))
        for _ in range(steps):
            out, h = rnn(out, h)
        return out

    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.01)
    with watch(rnn, optimizer, run_path, every=1):
        for i in range(4):
            if i == 2:
                rolled(40)
            rolled(5).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    assert Run(run_path).profile("reach/l0").iterations.tolist() == [0, 1, 2, 3]
    assert "called more than" not in caplog.text
    assert not [one for one in reach_sentences(Run(run_path)) if "called more than" in one]


def test_parts_of_a_module_that_is_measured_need_no_word(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A product of the state, and what bends it: each is given what the other has made."""

    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.u, self.bend = nn.Linear(3, 8), Turn(), Bend()

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            return self.bend(self.w(x) + self.u(h))

    class Turn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = nn.Parameter(torch.eye(8))

        def forward(self, h: Tensor) -> Tensor:
            return h @ self.matrix

    class Bend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(8))

        def forward(self, h: Tensor) -> Tensor:
            return torch.tanh(h + self.bias)

    run = trained(Loop(Cell()), [20, 20], run_path)
    assert run.profile("reach/cell").iterations.tolist() == [0, 1]
    assert "not measured" not in caplog.text
    assert not [one for one in reach_sentences(run) if "not measured" in one]


def test_only_a_missing_gradient_waits_for_the_end() -> None:
    assert Unmeasured("too many calls", "cell").final
    assert not Unmeasured("no gradient", "cell").final
    assert Readers().unmeasured == []


def test_a_reach_that_has_underflowed_does_not_grow() -> None:
    """Medians of both ends are 0 then."""
    assert not measure_reach(np.concatenate([0.5 ** np.arange(20), np.zeros(80), [1e-45]])).grows


class Block(nn.Module):
    """A frozen layer with a trained adapter beside it, over all earlier steps."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.adapter = nn.Linear(8, 8).requires_grad_(False), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.frozen(x) + self.adapter(x)).cumsum(1)


class Adapted(nn.Module):
    """As a language model under LoRA: its embedding is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8).requires_grad_(False)
        self.layers = nn.ModuleList(Block() for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return x


def test_a_frozen_embedding_says_what_to_name_instead(run_path: Path) -> None:
    model, tokens = Adapted(), torch.randint(10, (B, 6))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    with watch(model, optimizer, run_path, every=1):
        model(tokens).square().mean().backward()
        optimizer.step()
    assert reach_sentences(Run(run_path)) == [
        "cannot tell how far back Adapted learns: embed embeds its input, but it is frozen, so "
        "that no gradient arrives there; to measure from the output of layers.0 on, pass "
        "inputs='layers.0' (--inputs layers.0)."
    ]
    found = probe(model, lambda: model(tokens)[:, -1].square().mean(), inputs="layers.0")
    assert found["input:layers.0"].reach.shape == (6,)


class Parts(nn.Module):
    """One module that never runs, and one that makes a vector of each sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.unused = nn.Embedding(10, 8), nn.Linear(8, 8)
        self.flat = nn.Linear(8, 8)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens).cumsum(1)
        return x + self.flat(x[:, :1].sum(1))[:, None]


@pytest.mark.parametrize(
    ("shape", "inputs", "words"),
    [
        (
            (B, 6),
            "unused",
            "unused, named in inputs, did not run; name a module that makes (B, T, features) of "
            "the input",
        ),
        (
            (B, 6),
            "flat",
            "cannot tell how far back input:flat reaches: its output is (4, 8), which has no axis "
            "of steps; name a module in inputs that returns (B, T, features)",
        ),
        ((B, 0), None, "is given (4, 0), which has no element: there is no step to measure"),
        ((0, 6), None, "is given (0, 6), which has no element: there is no step to measure"),
        (
            (B, 1),
            None,
            "the window is a single step, so there is no earlier state to follow the gradient to; "
            "the sequences have one step",
        ),
        (
            (1, 1),
            None,
            "the window is a single step, so there is no earlier state to follow the gradient to; "
            "the sequences have one step",
        ),
    ],
)
def test_inputs_that_cannot_be_measured(
    shape: tuple[int, int], inputs: str | None, words: str
) -> None:
    model, tokens = Parts(), torch.randint(10, shape)
    try:
        found = probe(model, lambda: model(tokens).square().sum(), inputs=inputs)
        told = "; ".join(profile.summary for profile in found.values())
    except SettingError as error:
        told = str(error)
    assert words in told


@pytest.mark.parametrize("path", ["-1", "0.-1", "..", " ", "0,1", "1.weight"])
def test_paths_of_no_module(path: str) -> None:
    model = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 10))
    with pytest.raises(SettingError, match=f"Sequential has no module '{path}': its modules are"):
        probe(model, lambda: model(torch.ones(2, 3).long()).sum(), inputs=path)


@pytest.mark.parametrize("words", ["", ",", "embed,", " "])
def test_an_empty_path_on_the_command_line(words: str) -> None:
    with pytest.raises(SettingError, match="--inputs needs paths of modules with commas between"):
        _paths(words)
