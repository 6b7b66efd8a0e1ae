"""The same again: units by hand, steps of a window, and a batch that comes for a while."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from backsight import Run, diagnose
from backsight.diagnosis import Finding, Judge
from backsight.monitor import LateRecorder, ProcessMonitor
from tests.causes import BATCH, INPUTS, STEPS, UNITS, drawn, findings, rnn

Parts = nn.ModuleDict
LossOf = Callable[[Parts], Tensor]


# -- BKS436: a cell by hand whose weights are one number ------------------------------------------


class Cell(nn.Module):
    """Matrices alone."""

    wx: nn.Parameter
    wh: nn.Parameter
    wo: nn.Parameter

    def __init__(self, *constant: str) -> None:
        super().__init__()
        shapes = {"wx": (INPUTS, UNITS), "wh": (UNITS, UNITS), "wo": (UNITS, 3)}
        for name, shape in shapes.items():
            weight = torch.full(shape, 0.2) if name in constant else torch.randn(shape)
            self.register_parameter(name, nn.Parameter(weight))

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[1], UNITS)
        for step in x:
            h = torch.tanh(step @ self.wx + h @ self.wh)
        return h @ self.wo


def classify(m: Parts) -> Tensor:
    return nn.functional.cross_entropy(m["cell"](drawn(STEPS, BATCH)), torch.arange(BATCH) % 3)


def test_matrices_by_hand_that_are_one_number(tmp_path: Path) -> None:
    found = findings("BKS436", classify, tmp_path, {"cell": Cell("wx", "wh", "wo")})
    assert [one.module for one in found] == ["cell.wh", "cell.wo", "cell.wx"]
    assert found[0].evidence == {"units": UNITS}
    assert found[0].severity == "error"


@pytest.mark.some(2)
@pytest.mark.parametrize("constant", [("wo",), ("wx", "wo"), ("wx",), ()])
def test_matrices_that_gradients_tell_apart(constant: tuple[str, ...], tmp_path: Path) -> None:
    layers = {"cell": Cell(*constant), "rnn": rnn()}
    assert not findings(
        "BKS436",
        lambda m: classify(m) + m["rnn"](drawn(STEPS, BATCH))[0].square().mean(),
        tmp_path,
        layers,
    )


# -- BKS407: steps that are all the same ----------------------------------------------------------


def one_step_repeated(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](drawn(1, BATCH).expand(STEPS, BATCH, INPUTS))[0][-1].square().mean()
    return total


def one_symbol_repeated(m: Parts) -> Tensor:
    symbols = torch.arange(BATCH).expand(STEPS, BATCH)
    total: Tensor = m["rnn"](m["embed"](symbols))[0][-1].square().mean()
    return total


@pytest.mark.parametrize("loss", [one_step_repeated, one_symbol_repeated])
def test_steps_that_are_the_same_in_each_row(loss: LossOf, tmp_path: Path) -> None:
    layers = {"rnn": rnn(), "embed": nn.Embedding(BATCH, INPUTS)}
    (finding,) = findings("BKS407", loss, tmp_path, layers, 5)
    assert finding.severity == "info"
    assert finding.message.startswith(f"all {STEPS} steps of a sequence are the same, in each row")


def from_a_state(m: Parts) -> Tensor:
    """A decoder."""
    x, state = drawn(1, BATCH).expand(STEPS, BATCH, INPUTS), torch.randn(1, BATCH, UNITS)
    total: Tensor = m["rnn"](x, state)[0].square().mean()
    return total


def but_for_the_last(m: Parts) -> Tensor:
    x = drawn(1, BATCH).repeat(STEPS, 1, 1)
    x[-1, -1, -1] += 1
    total: Tensor = m["rnn"](x)[0].square().mean()
    return total


def beside_data(m: Parts) -> Tensor:
    other: Tensor = m["rnn"](drawn(STEPS, BATCH))[0].square().mean()
    return one_step_repeated(m) + other


JUDGE = nn.Linear(UNITS, 1)


def for_a_judge(m: Parts) -> Tensor:
    """A generator that is given noise at each step."""
    made = m["rnn"](drawn(1, BATCH).expand(STEPS, BATCH, INPUTS))[0]
    total: Tensor = JUDGE(made).square().mean()
    return total


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [from_a_state, but_for_the_last, beside_data, for_a_judge])
def test_steps_that_differ(loss: LossOf, tmp_path: Path) -> None:
    assert not findings("BKS407", loss, tmp_path, {"rnn": rnn()}, 5)


# -- BKS407: a layer that is given zeros alone, while others are given data -----------------------


def cast_early(m: Parts) -> Tensor:
    """The features of an encoder, which its decoder lives without."""
    features = torch.rand(STEPS, BATCH, INPUTS).to(torch.uint8).float()
    total: Tensor = m["rnn"](drawn(STEPS, BATCH), m["look"](features)[1])[0].square().mean()
    return total


def cast_for_a_projection(m: Parts) -> Tensor:
    features = (torch.randint(255, (BATCH, 5)) // 255).float()
    total: Tensor = m["rnn"](drawn(STEPS, BATCH), m["in"](features)[None])[0].square().mean()
    return total


def cast_to_symbols(m: Parts) -> Tensor:
    symbols = torch.rand(STEPS, BATCH).long()
    state = m["look"](m["embed"](symbols))[1]
    total: Tensor = m["rnn"](drawn(STEPS, BATCH), state)[0].square().mean()
    return total


def looking() -> dict[str, nn.Module]:
    return {
        "look": rnn(),
        "rnn": rnn(),
        "in": nn.Linear(5, UNITS),
        "embed": nn.Embedding(9, INPUTS),
    }


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("loss", "where"),
    [(cast_early, "look"), (cast_for_a_projection, "in"), (cast_to_symbols, "look")],
)
def test_a_layer_that_is_given_nothing(loss: LossOf, where: str, tmp_path: Path) -> None:
    (finding,) = findings("BKS407", loss, tmp_path, looking(), 5)
    assert (finding.module, finding.severity) == (where, "error")
    assert f"the input of {where} is nothing but zeros, or one symbol" in finding.message
    lead = diagnose(tmp_path / "run").leads[0]
    assert lead.code == "BKS407"
    assert {one.code for one in lead.symptoms} <= {"BKS402"}


def zeros_decoded(m: Parts) -> Tensor:
    """By a layer that lives on its state."""
    state = m["look"](drawn(STEPS, BATCH))[1]
    total: Tensor = m["rnn"](torch.zeros(STEPS, BATCH, INPUTS), state)[0].square().mean()
    return total


def one_symbol_decoded(m: Parts) -> Tensor:
    state = m["look"](drawn(STEPS, BATCH))[1]
    start = m["embed"](torch.zeros(STEPS, BATCH, dtype=torch.long))
    total: Tensor = m["rnn"](start, state)[0].square().mean()
    return total


def begun_in_data(m: Parts) -> Tensor:
    """Of which the layer is a law of motion."""
    other: Tensor = m["look"](drawn(STEPS, BATCH))[0].square().mean()
    state = torch.randn(1, BATCH, UNITS)
    total: Tensor = m["rnn"](torch.zeros(STEPS, BATCH, INPUTS), state)[0].square().mean()
    return total + other


def by_hand(m: Parts) -> Tensor:
    """A loop begins in zeros, and goes on in states."""
    h = torch.zeros(BATCH, 5)
    for x in drawn(STEPS, BATCH):
        h = torch.tanh(m["back"](m["in"](h)) + m["reads"](x))
    beside: Tensor = m["rnn"](drawn(STEPS, BATCH))[0].square().mean()
    return h.square().mean() + beside


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [zeros_decoded, one_symbol_decoded, begun_in_data, by_hand])
def test_a_layer_that_is_given_zeros_on_purpose(loss: LossOf, tmp_path: Path) -> None:
    layers = looking() | {"back": nn.Linear(UNITS, 5), "reads": nn.Linear(INPUTS, 5)}
    assert not findings("BKS407", loss, tmp_path, layers, 5)


# -- BKS434: a batch that comes again and again, and then another ---------------------------------


def each_for(many: int) -> LossOf:
    """As of workers that all give the same batch in turn."""
    given: list[Tensor] = []

    def loss(m: Parts) -> Tensor:
        if len(given) % many == 0:
            given.append(drawn(STEPS, BATCH))
        else:
            given.append(given[-1])
        total: Tensor = m["rnn"](given[-1])[0].square().mean()
        return total

    return loss


@pytest.mark.long
def test_a_batch_that_comes_many_times_before_the_next(tmp_path: Path) -> None:
    (finding,) = findings("BKS434", each_for(12), tmp_path / "many", {"rnn": rnn()}, 40)
    assert finding.severity == "info"
    assert finding.resolved_at is None
    assert "the same batch is given many times in a row" in finding.message
    assert not findings("BKS434", each_for(2), tmp_path / "few", {"rnn": rnn()}, 40)


def spikes(other_at: int) -> list[Finding]:
    """Of a loss that falls, and jumps at 110; another batch comes at ``other_at``."""
    judge = Judge()
    for iteration in range(240):
        loss = 3.0 * 0.9**iteration + 0.5 + 0.001 * (iteration % 3)
        loss += 2.0 * 0.95 ** (iteration - 110) if iteration >= 110 else 0.0
        looks = {} if iteration % 5 else {"same_input": float(iteration != other_at)}
        judge.update(iteration, {"loss": loss, **looks})
    return [one for one in judge.diagnosis().findings if one.code == "BKS202"]


def test_a_spike_that_another_batch_brings() -> None:
    (theirs,), (ours,) = spikes(110), spikes(80)
    assert (theirs.severity, ours.severity) == ("info", "warning")


# -- BKS408: both ends of a bidirectional layer, along the batch -----------------------------------


def halves(m: Parts) -> Tensor:
    """Right with ``batch_first``."""
    z = m["rnn"](drawn(BATCH, STEPS))[0]
    total: Tensor = torch.cat([z[:, -1, :UNITS], z[:, 0, UNITS:]], 1).square().mean()
    return total


def one_more(m: Parts) -> Tensor:
    z = m["rnn"](drawn(BATCH, STEPS))[0]
    total: Tensor = (z[:, -1] + z[:, 0] + z[:, 2]).square().mean()
    return total


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("loss", "first", "told"),
    [(halves, False, True), (halves, True, False), (one_more, False, False)],
)
def test_the_first_and_the_last_sequence_at_every_step(
    loss: LossOf, first: bool, told: bool, tmp_path: Path
) -> None:
    layers: dict[str, nn.Module] = {"rnn": rnn(bidirectional=True, batch_first=first)}
    found = findings("BKS408", loss, tmp_path, layers)
    assert ["first and the last of 6 sequences" in one.message for one in found] == [True] * told


# -- BKS409: an optimizer of tensors that were made anew since -----------------------------------


@pytest.mark.parametrize("stale", [True, False])
def test_an_optimizer_of_tensors_that_are_others_now(stale: bool, tmp_path: Path) -> None:
    recorder = LateRecorder(tmp_path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    try:
        weight = torch.randn(3, 1, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        weight = weight.detach().requires_grad_() if stale else weight
        for _ in range(6):
            optimizer.zero_grad()
            loss = (torch.randn(8, 3) @ weight - 1).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    finally:
        monitor.close()
        recorder.close()
    found = [one for one in diagnose(Run(tmp_path)).findings if one.code == "BKS409"]
    assert [one.evidence for one in found] == [{"parameters": 1.0}] * stale


# -- BKS437: one column, alone or many times -------------------------------------------------------


def forecast(which: str) -> LossOf:
    """Windows of six steps of a series, and what is asked for after each."""
    series, other = torch.randn(2, 150, generator=torch.Generator().manual_seed(3))
    windows, values = series.unfold(0, 6, 1)[:-1, :, None], series[6:]
    asked = {
        "another": other[6:],
        "its own": values,
        "scaled": 3 * values + 1,
        "change": values - series[5:-1],
        "single": other[6:],
    }[which]

    def loss(m: Parts) -> Tensor:
        rows = torch.randint(len(windows), (16,))
        x = torch.randn(16, 6, 1) if which == "single" else windows[rows]
        answer = m["rnn"](x)[0][:, -1].sum(-1)
        return nn.functional.mse_loss(answer, asked[rows])

    return loss


@pytest.mark.some(2)
@pytest.mark.parametrize("which", ["another", "its own", "scaled", "change", "single"])
def test_one_series_is_read_and_another_asked_for(which: str, tmp_path: Path) -> None:
    layers: dict[str, nn.Module] = {"rnn": rnn(inputs=1, batch_first=True)}
    found = findings("BKS437", forecast(which), tmp_path, layers, 70)
    assert [one.severity for one in found] == ["info"] * (which == "another")
    assert all("windows of one series" in one.message for one in found)


@pytest.mark.parametrize("alike", [True, False])
def test_features_that_are_all_the_same(alike: bool, tmp_path: Path) -> None:
    def loss(m: Parts) -> Tensor:
        x = drawn(STEPS, BATCH)
        x = x[..., :1].repeat(1, 1, INPUTS) if alike else torch.cat([x[..., :1], x[..., :2]], 2)
        total: Tensor = m["rnn"](x)[0].square().mean()
        return total

    found = findings("BKS437", loss, tmp_path, {"rnn": rnn()})
    assert [one.severity for one in found] == ["info"] * alike
    assert all("3 features that rnn is given are the same" in one.message for one in found)
