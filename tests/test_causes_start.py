"""Initial states: drawn at random, carried over, kept with their graph, and all that is right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backsight import diagnose, watch
from backsight.monitor import LateRecorder, ProcessMonitor
from backsight.probes import (
    LossOperations,
    Window,
    is_drawn,
    is_spent,
    loop_begun,
    made_by,
    same_direction,
)
from backsight.signals import Run
from tests.causes import BATCH, INPUTS, STEPS, Loss, drawn, findings

UNITS = 16
ONES = torch.ones(1, 1, 1)


def layer(kind: str = "GRU", **settings: bool | int) -> nn.RNNBase:
    """Of so many units that a batch of its states tells a distribution."""
    made: nn.RNNBase = getattr(nn, kind)(INPUTS, UNITS, **settings)
    return made


def begun(
    state: Callable[[nn.ModuleDict], object], shape: tuple[int, int] = (STEPS, BATCH)
) -> Loss:
    """A loss of a layer that is given a state."""

    def loss(m: nn.ModuleDict) -> Tensor:
        result: Tensor = m["rnn"](drawn(STEPS, BATCH), state(m))[0].square().mean()
        return result

    return loss


# -- BKS419: drawn at random ----------------------------------------------------------------------


def pair(draw: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    return draw(1, BATCH, UNITS), draw(1, BATCH, UNITS)


def cells(m: nn.ModuleDict) -> Tensor:
    state = torch.randn(BATCH, UNITS)
    for x in drawn(STEPS, BATCH):
        state = m["cell"](x, state)
    return state.square().mean()


class Own(nn.Module):
    """A cell of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Linear(INPUTS + UNITS, UNITS)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(self.both(torch.cat([x, state], 1)))


def stepped(m: nn.ModuleDict) -> Tensor:
    state = torch.empty(BATCH, UNITS).uniform_(-1, 1)
    for x in drawn(STEPS, BATCH):
        state = m["cell"](x, state)
    return state.square().mean()


def unrolled(m: nn.ModuleDict) -> Tensor:
    """A loop that is no module."""
    state = 0.5 * torch.randn(BATCH, UNITS)
    for x in drawn(STEPS, BATCH):
        state = torch.tanh(m["in"](x) + m["keep"](state))
    return state.square().mean()


def solved(m: nn.ModuleDict) -> Tensor:
    """The same layer over and over, which adds what was read once."""
    z, read = torch.randn(BATCH, UNITS), m["in"](torch.randn(BATCH, INPUTS))
    for _ in range(4):
        z = torch.tanh(read + m["keep"](z))
    result: Tensor = m["rnn"](z[None])[0].square().mean()
    return result


def steered(m: nn.ModuleDict) -> Tensor:
    """A plant that begins anywhere, and that a policy brings to a goal."""
    goal, plant = torch.randn(BATCH, 2), torch.randn(BATCH, 4)
    for _ in range(4):
        plant = plant + 0.1 * m["policy"](torch.cat([plant, goal], 1))
    result: Tensor = plant.square().mean()
    return result


def test_what_is_solved_for_is_no_loop_over_data() -> None:
    net = nn.ModuleDict({**PARTS, "rnn": nn.GRU(UNITS, UNITS)})
    begun = loop_begun(LossOperations([unrolled(net)]))
    assert begun is not None
    assert begun.shape == (BATCH, UNITS)
    assert loop_begun(LossOperations([solved(net)])) is None


def test_what_is_simulated_may_begin_anywhere(run_path: Path) -> None:
    policy = nn.Linear(6, 4)
    optimizer = torch.optim.SGD(policy.parameters(), lr=1e-3)
    with watch(policy, optimizer, run_path, every=1):
        for _ in range(6):
            optimizer.zero_grad()
            steered(nn.ModuleDict({"policy": policy})).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert not [f for f in diagnose(run_path).findings if f.code == "BKS419"]


PARTS: dict[str, nn.Module] = {"in": nn.Linear(INPUTS, UNITS), "keep": nn.Linear(UNITS, UNITS)}
DRAWN: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "randn": (begun(lambda m: torch.randn(1, BATCH, UNITS)), {"rnn": layer()}),
    "of an LSTM": (begun(lambda m: pair(torch.randn)), {"rnn": layer("LSTM")}),
    "of the cell state alone": (
        begun(lambda m: (torch.zeros(1, BATCH, UNITS), torch.randn(1, BATCH, UNITS))),
        {"rnn": layer("LSTM")},
    ),
    "rand": (begun(lambda m: torch.rand(2, BATCH, UNITS)), {"rnn": layer("RNN", num_layers=2)}),
    "of a size of its own": (begun(lambda m: 2 * torch.randn(1, BATCH, UNITS)), {"rnn": layer()}),
    "of a cell of one's own": (stepped, {"cell": Own()}),
    "of a loop": (unrolled, PARTS),
    "of a cell": (cells, {"cell": nn.GRUCell(INPUTS, UNITS)}),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", DRAWN)
def test_a_state_that_is_drawn_is_found(which: str, tmp_path: Path) -> None:
    loss, modules = DRAWN[which]
    (finding,) = findings("BKS419", loss, tmp_path, modules, iterations=4)
    assert finding.severity == "warning"
    assert "drawn at random in every iteration" in finding.message


class Learned(nn.Module):
    """An initial state of unit spread that is a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.state = nn.Parameter(torch.randn(1, 1, UNITS))

    def forward(self) -> Tensor:
        return self.state.expand(1, BATCH, UNITS).contiguous()


ONCE = torch.randn(1, BATCH, UNITS)


def projected(m: nn.ModuleDict) -> Tensor:
    """The latent of a VAE."""
    mean: Tensor = m["mean"](m["encoder"](drawn(STEPS, BATCH))[1])
    return begun(lambda m: mean + torch.randn_like(mean))(m)


def encoded(m: nn.ModuleDict) -> Tensor:
    with torch.no_grad():
        state = m["encoder"](drawn(STEPS, BATCH))[1]
    return begun(lambda m: state)(m)


def generated(m: nn.ModuleDict) -> Tensor:
    """A generator: noise is all that it is given."""
    result: Tensor = m["rnn"](torch.zeros(STEPS, BATCH, INPUTS), torch.randn(1, BATCH, UNITS))[0]
    return result.square().mean()


def begun_with_any_symbol(m: nn.ModuleDict) -> Tensor:
    """A decoder that goes on from its own answers: what is drawn is an input, and no state."""
    answer, state = torch.nn.functional.one_hot(torch.randint(INPUTS, (1, BATCH)), INPUTS), None
    total = torch.zeros(())
    for _ in range(STEPS):
        out, state = m["rnn"](answer.float(), state)
        total = total + out.square().mean()
        answer = torch.nn.functional.one_hot(out[..., :INPUTS].argmax(-1), INPUTS)
    return total


def refined(m: nn.ModuleDict) -> Tensor:
    """The same layer over and over: what it begins with is the data."""
    x = torch.randn(BATCH, UNITS)
    for _ in range(3):
        x = torch.tanh(m["layer"](x))
    result: Tensor = m["rnn"](x[None])[0].square().mean()
    return result


def remembered(m: nn.ModuleDict) -> Tensor:
    """States that were computed without a graph, as those that an agent has stored."""
    with torch.no_grad():
        state = m["rnn"](2 * drawn(STEPS, BATCH))[1]
    result: Tensor = m["rnn"](drawn(STEPS, BATCH), state)[0].square().mean()
    return result


NOT_DRAWN: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "zeros": (begun(lambda m: torch.zeros(1, BATCH, UNITS)), {"rnn": layer()}),
    "none": (begun(lambda m: None), {"rnn": layer("LSTM")}),
    "learned": (begun(lambda m: m["start"]()), {"rnn": layer(), "start": Learned()}),
    "drawn once": (begun(lambda m: ONCE), {"rnn": layer()}),
    "noise of little size": (begun(lambda m: 0.1 * pair(torch.randn)[0]), {"rnn": layer()}),
    "a latent": (
        projected, {"rnn": layer(), "encoder": layer(), "mean": nn.Linear(UNITS, UNITS)}
    ),
    "a generator's": (generated, {"rnn": layer()}),
    "a random start symbol": (begun_with_any_symbol, {"rnn": layer()}),
    "what is solved for": (solved, {**PARTS, "rnn": nn.GRU(UNITS, UNITS)}),
    "data": (refined, {"layer": nn.Linear(UNITS, UNITS), "rnn": nn.GRU(UNITS, UNITS)}),
    "computed before": (remembered, {"rnn": layer()}),
    "an encoder's": (encoded, {"rnn": layer(), "encoder": layer()}),
}  # fmt: skip


@pytest.mark.some(2)
@pytest.mark.parametrize("which", NOT_DRAWN)
def test_another_state_is_not(which: str, tmp_path: Path) -> None:
    loss, modules = NOT_DRAWN[which]
    assert not findings("BKS419", loss, tmp_path, modules, iterations=4)


def decoded(first: Callable[..., Tensor]) -> Loss:
    """A decoder that goes on from its own answers, from what it is given first."""

    def loss(m: nn.ModuleDict) -> Tensor:
        _, state = m["encoder"](drawn(STEPS, BATCH))
        answer, total = first(1, BATCH, INPUTS), torch.zeros(())
        for _ in range(STEPS):
            out, state = m["rnn"](answer, state)
            answer = out[..., :INPUTS]
            total = total + out.square().mean()
        return total

    return loss


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("first", "severities"),
    [(torch.randn, ["info"]), (torch.zeros, []), (lambda *shape: ONES.expand(shape), [])],
)
def test_a_decoder_that_begins_in_noise_is_a_note(
    first: Callable[..., Tensor], severities: list[str], tmp_path: Path
) -> None:
    modules: dict[str, nn.Module] = {"rnn": layer(), "encoder": layer()}
    found = findings("BKS419", decoded(first), tmp_path, modules, iterations=6)
    assert [one.severity for one in found] == severities
    assert all("the first input of rnn" in one.message for one in found)


def test_what_counts_as_drawn() -> None:
    """200 draws of each kind; a state of a layer never passes."""
    torch.manual_seed(0)
    assert all(is_drawn(torch.randn(1, 8, 16)) for _ in range(200))
    assert all(is_drawn(torch.rand(1, 8, 16)) for _ in range(200))
    for made in (torch.zeros, torch.ones, lambda *n: torch.randn(*n).relu(),
                 lambda *n: torch.randn(*n).sign(), lambda *n: 2 * torch.rand(*n) - 1,
                 lambda *n: 3 * torch.randn(*n).tanh()):  # fmt: skip
        assert not any(is_drawn(made(2, 16, 32)) for _ in range(20))
    assert not is_drawn(torch.randn(1, 3, 16))  # too few to tell
    assert not is_drawn(torch.full((1, 8, 16), torch.nan))


def test_a_generator_with_an_adversary_begins_in_noise(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recorder = LateRecorder(tmp_path / "run", kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    makes, judges = layer(), nn.GRU(UNITS, 1)
    steps = [torch.optim.SGD(one.parameters(), lr=1e-3) for one in (makes, judges)]
    for _ in range(5):
        for optimizer, sign in zip(steps, (1, -1), strict=True):
            for each in steps:
                each.zero_grad()
            made = makes(drawn(STEPS, BATCH), torch.randn(1, BATCH, UNITS))[0]
            (sign * judges(made)[0].mean()).backward()
            optimizer.step()
    monitor.close()
    recorder.close()
    assert "BKS419" not in {f.code for f in diagnose(tmp_path / "run").findings}


def test_a_module_that_is_only_numbered_is_called_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.ModuleList([nn.Linear(1, 1), layer()])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            begun(lambda m: torch.randn(1, BATCH, UNITS))(  # type: ignore[no-untyped-call]
                nn.ModuleDict({"rnn": model[1]})
            ).backward()
            optimizer.step()
    (finding,) = [f for f in diagnose(tmp_path / "run").findings if f.code == "BKS419"]
    assert "the initial state of module 1 is drawn" in finding.message


# -- BKS418: carried over -------------------------------------------------------------------------


def carrying(change: Callable[[Tensor], Tensor], inputs: Callable[[int], Tensor]) -> Loss:
    """Each iteration begins in what ``change`` makes of the last final state."""
    kept: list[Tensor | None] = [None, torch.zeros(())]
    number = iter(range(100))

    def loss(m: nn.ModuleDict) -> Tensor:
        output, state = m["rnn"](inputs(next(number)), kept[0])
        kept[0] = change(state)
        result: Tensor = output.square().mean()
        return result

    return loss


TEXT = torch.randint(9, (BATCH, 8 * STEPS))
DATA = torch.randn(8 * STEPS, BATCH, INPUTS)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "change", [Tensor.detach, lambda s: 3 * s.detach(), lambda s: s.detach().clone()]
)
def test_a_state_that_is_carried_is_a_note(
    change: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    loss = carrying(change, lambda i: drawn(STEPS, BATCH))
    (finding,) = findings("BKS418", loss, tmp_path, {"rnn": layer()}, iterations=5)
    assert finding.severity == "info"
    assert finding.evidence == {"samples in a row": 4}  # the first one begins with zeros
    assert finding.iteration == 3


def test_a_state_that_comes_from_a_decoder_is_a_note(tmp_path: Path) -> None:
    kept = [torch.zeros(1, BATCH, UNITS)]

    def loss(m: nn.ModuleDict) -> Tensor:
        final = m["encoder"](drawn(STEPS, BATCH), kept[0])[1]
        output, state = m["decoder"](drawn(STEPS, BATCH), final)
        kept[0] = state.detach()
        result: Tensor = output.square().mean()
        return result

    (finding,) = findings("BKS418", loss, tmp_path, {"encoder": layer(), "decoder": layer()}, 5)
    assert (finding.severity, finding.module) == ("info", "encoder")


def windows(m: nn.ModuleDict) -> Tensor:
    """Truncated backpropagation through a text that is split in parts."""
    return _text(m)


_text = carrying(Tensor.detach, lambda i: TEXT[:, i * STEPS : (i + 1) * STEPS])


TOKENS = TEXT % INPUTS
_kept: list[Tensor | None] = [None]
_number = iter(range(100))


def asking(m: nn.ModuleDict) -> Tensor:
    """A language model on symbols that are copied into one-hot form."""
    begin = next(_number) * STEPS
    x, y = TOKENS[:, begin : begin + STEPS], TOKENS[:, begin + 1 : begin + 1 + STEPS]
    output, state = m["rnn"](nn.functional.one_hot(x, INPUTS).float(), _kept[0])
    _kept[0] = state.detach()
    return nn.functional.cross_entropy(m["head"](output).transpose(1, 2), y)


def celled(inputs: Callable[[int], Tensor], *, read: bool = False) -> Loss:
    """The same of a loop over a cell, which may read by another layer."""
    kept = [torch.zeros(BATCH, UNITS)]
    number = iter(range(100))

    def loss(m: nn.ModuleDict) -> Tensor:
        state = kept[0]
        for x in inputs(next(number)):
            state = m["cell"](m["read"](x).relu() if read else x, state)
        kept[0] = state.detach()
        return state.square().mean()

    return loss


def test_a_state_that_a_cell_carries_is_a_note(tmp_path: Path) -> None:
    modules: dict[str, nn.Module] = {"cell": nn.GRUCell(INPUTS, UNITS)}
    loss = celled(lambda i: drawn(STEPS, BATCH).clone())
    (finding,) = findings("BKS418", loss, tmp_path, modules, iterations=6)
    assert finding.severity == "info"


def test_a_state_of_cells_behind_a_layer_is_a_note(tmp_path: Path) -> None:
    modules: dict[str, nn.Module] = {
        "read": nn.Linear(INPUTS, UNITS), "cell": nn.GRUCell(UNITS, UNITS),
    }  # fmt: skip
    loss = celled(lambda i: drawn(STEPS, BATCH).clone(), read=True)
    (finding,) = findings("BKS418", loss, tmp_path, modules, iterations=6)
    assert finding.severity == "info"


class Embedded(nn.Module):
    """Symbols to states."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn = nn.Embedding(9, INPUTS), layer(batch_first=True)

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        output, state = self.rnn(self.embed(x), state)
        assert state is not None
        return output, state


class Tabled(nn.Module):
    """Rows of a table by index, and two modules, of which only the first is given them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(9, INPUTS))
        self.below, self.above = (nn.GRU(n, UNITS, batch_first=True) for n in (INPUTS, UNITS))

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        first, second = (None, None) if state is None else state.chunk(2)
        output, first = self.below(self.table[x], first)
        output, second = self.above(output, second)
        return output, torch.cat([first, second])


NOT_CARRIED: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "windows of a text, by hand": (
        carrying(Tensor.detach, lambda i: TEXT[:, i * STEPS : (i + 1) * STEPS]), {"rnn": Tabled()},
    ),
    "windows of a text": (windows, {"rnn": Embedded()}),
    "windows of data": (
        carrying(Tensor.detach, lambda i: DATA[i * STEPS : (i + 1) * STEPS]), {"rnn": layer()},
    ),
    "windows of data, in a loop": (
        celled(lambda i: DATA[i * STEPS : (i + 1) * STEPS]), {"cell": nn.GRUCell(INPUTS, UNITS)},
    ),
    "windows of data that a layer reads, in a loop": (
        celled(lambda i: DATA[i * STEPS : (i + 1) * STEPS], read=True),
        {"read": nn.Linear(INPUTS, UNITS), "cell": nn.GRUCell(UNITS, UNITS)},
    ),
    "symbols that were asked for": (
        asking, {"rnn": layer("GRU", batch_first=True), "head": nn.Linear(UNITS, INPUTS)},
    ),
    "begun anew": (
        carrying(torch.zeros_like, lambda i: drawn(STEPS, BATCH)), {"rnn": layer()}
    ),
    "encoder and decoder": (
        lambda m: begun(lambda m: m["encoder"](drawn(STEPS, BATCH))[1])(m),
        {"rnn": layer(), "encoder": layer()},
    ),
    "an encoder's, detached": (encoded, {"rnn": layer(), "encoder": layer()}),
    "windows in an iteration": (
        lambda m: m["rnn"](drawn(STEPS, BATCH), m["rnn"](drawn(STEPS, BATCH))[1])[0].mean(),
        {"rnn": layer()},
    ),
}  # fmt: skip


@pytest.mark.some(2)
@pytest.mark.parametrize("which", NOT_CARRIED)
def test_states_that_are_right_are_not_told(which: str, tmp_path: Path) -> None:
    loss, modules = NOT_CARRIED[which]
    assert not findings("BKS418", loss, tmp_path, modules, iterations=5)


class Keeps(nn.Module):
    """A module that keeps its state, with its graph."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner: nn.Module = nn.GRUCell(INPUTS, UNITS) if kind == "GRUCell" else layer(kind)
        self.state: Tensor | tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.inner, nn.GRUCell):
            for step in x:
                self.state = self.inner(step, self.state)
            assert isinstance(self.state, Tensor)
            return self.state
        output: Tensor
        output, self.state = self.inner(x, self.state)
        return output


def kept(model: Keeps, optimizer: torch.optim.Optimizer, path: Path, every: int) -> None:
    with watch(model, optimizer, path, every=every):
        for _ in range(3):
            optimizer.zero_grad()
            model(drawn(STEPS, BATCH)).mean().backward()
            optimizer.step()


@pytest.mark.some(4)
@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "GRUCell"])
def test_a_run_that_fails_in_its_second_pass_says_why(
    kind: str, every: int, run_path: Path
) -> None:
    """The pass raises what it raises without Backsight."""
    model = Keeps(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        kept(model, optimizer, run_path, every)
    (finding,) = [f for f in diagnose(run_path).findings if f.code == "BKS418"]
    assert (finding.severity, finding.iteration) == ("error", 1)
    assert "backward can no longer go through it: detach the state" in finding.message
    assert diagnose(run_path, rejudge=True).findings[0].code == "BKS418"


class Fires(nn.Module):
    """A cell of one's own, whose step takes products of its states."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.inner = nn.Linear(INPUTS, UNITS), nn.Linear(UNITS, UNITS)

    def forward(self, x: Tensor, volts: Tensor, fired: Tensor) -> tuple[Tensor, Tensor]:
        volts = 0.8 * volts * (1 - fired) + self.read(x) + self.inner(fired)
        return volts, torch.sigmoid(4 * (volts - 1))


def fire(path: Path, *, own: bool) -> None:
    cell = Fires()
    states = (torch.zeros(BATCH, UNITS),) * 2
    step = cell if own else cell.forward  # a loop of bare operations
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    with watch(cell, optimizer, path, every=10):
        for _ in range(3):
            for x in drawn(STEPS, BATCH):
                states = step(x, *states)
            optimizer.zero_grad()
            loss: Any = states[1].square().mean()
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("own", [True, False])
def test_a_graph_of_ones_own_cell_that_is_gone_is_told_and_nothing_is_switched_off(
    own: bool, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        fire(run_path, own=own)
    assert diagnose(run_path).findings[0].code == "BKS418"
    assert "switched off" not in caplog.text


def test_a_graph_that_is_retained_is_told_as_well(run_path: Path) -> None:
    """Steps that leave the weights' memory alone do not fail: the graph only grows."""
    model = Keeps("GRU")
    with watch(model, None, run_path, every=1):
        for _ in range(3):
            model(drawn(STEPS, BATCH)).mean().backward(retain_graph=True)
            model.zero_grad()
    (finding,) = [f for f in diagnose(run_path).findings if f.code == "BKS418"]
    assert finding.severity == "error"
    assert "each backward pass goes through all of them" in finding.message


def added_up(model: nn.Module, path: Path) -> None:
    total = torch.zeros(())
    with watch(model, None, path, every=1):
        for _ in range(3):
            total = total + model(drawn(STEPS, BATCH))[0].square().mean()
            total.backward()
            model.zero_grad()


def test_losses_that_are_added_up_are_not_blamed_on_a_state(run_path: Path) -> None:
    with pytest.raises(RuntimeError, match="second time"):
        added_up(layer(), run_path)
    assert not [f for f in diagnose(run_path).findings if f.code == "BKS418"]
    assert Run(run_path)["state_attached"].tolist() == [0.0]


def test_the_state_of_an_agent_that_acts_is_not_the_one_that_learns(run_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.GRU(INPUTS, UNITS)
    optimizer = torch.optim.Adam(model.parameters())
    state = torch.zeros(1, 1, UNITS)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(5):
            begins, seen = state.detach(), drawn(STEPS, 1)
            for x in seen:  # with its graph, which earlier steps have made outdated
                _, state = model(x[None], state)
            optimizer.zero_grad()
            model(seen, begins)[0].square().mean().backward()
            optimizer.step()
    assert state.grad_fn is not None
    assert is_spent(state)
    assert Run(run_path)["state_attached"].tolist() == [0.0] * 5


@pytest.mark.parametrize("learns", [False, True])
def test_a_state_goes_on_after_a_pass_only_where_the_next_loss_holds_it(
    learns: bool, run_path: Path
) -> None:
    torch.manual_seed(0)
    model = nn.GRU(INPUTS, UNITS)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    _, state = model(drawn(1, 1), torch.zeros(1, 1, UNITS))
    with watch(model, optimizer, run_path, every=1):
        optimizer.zero_grad()
        model(drawn(STEPS, BATCH))[0].square().mean().backward()
        output, _ = model(drawn(1, 1), state)  # an agent acts, between two losses
        drawn_anew = model(drawn(STEPS, BATCH))[0].square().mean()
        (output.square().mean() if learns else drawn_anew).backward()
        optimizer.step()
    assert bool(Run(run_path)["state_attached"].max() > 0) == learns


def test_what_a_state_was_made_by() -> None:
    rnn, other = layer(), layer()
    _, state = rnn(drawn(STEPS, BATCH))
    assert made_by(state, rnn.parameters())
    assert not made_by(state, other.parameters())
    assert not is_spent(state)
    assert same_direction(state, 2 * state)
    assert not same_direction(state, state[:, :2])
    assert not same_direction(torch.zeros_like(state), state)
    state.sum().backward()
    assert is_spent(state)


def test_windows_of_other_memory_do_not_follow() -> None:
    first = Window(DATA[:STEPS], 0)
    assert Window(DATA[STEPS : 2 * STEPS], 0).follows(first)
    assert not Window(DATA[STEPS : 2 * STEPS].clone(), 0).follows(first)
    gone = Window(torch.zeros(4, 2), 0)
    assert not Window(torch.zeros(8, 2)[4:], 0).follows(gone)
