"""What repeating the newest value gives, against a loop; and the note where a loss is no better."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import watch
from backsight.diagnosis import Judge
from backsight.probes import LayerInput, Persistence, loss_terms
from backsight.signals import Run
from tests.causes import UNITS, rnn

T, B, F = 9, 3, 4

LossOf = Callable[[Tensor, Tensor], Tensor]
"""Of predictions and next values, each ``(T, B, F)``."""

LOSSES: dict[str, tuple[LossOf, Callable[[float], float]]] = {
    "squared": (functional.mse_loss, lambda d: d * d),
    "summed": (
        lambda z, y: functional.mse_loss(z, y, reduction="sum") / 2,
        lambda d: d * d * T * B * F / 2,
    ),
    "absolute": (functional.l1_loss, abs),
    "Huber's": (
        lambda z, y: functional.huber_loss(z, y, delta=0.5),
        lambda d: d * d / 2 if abs(d) < 0.5 else 0.5 * (abs(d) - 0.25),
    ),
}


def series(seed: int = 0) -> Tensor:
    """Walks, ``(T + 1, B, F)``."""
    return torch.randn(T + 1, B, F, generator=torch.Generator().manual_seed(seed)).cumsum(0)


def recorded(loss: LossOf, folder: Path, whole: Tensor, *, steps: int = 0, scale: int = 1) -> Run:
    """Two looks at a training."""
    layer, head = rnn(inputs=F, batch_first=steps == 1), nn.Linear(UNITS, F)
    model = nn.ModuleList([layer, head])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, enabled=scale != 1)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(2):
            x, y = (one.movedim(0, steps) for one in (whole[:-1], whole[1:]))
            scaled = scaler.scale(loss(head(layer(x)[0]), y))
            scaled.backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
    return Run(folder / "run")


@pytest.mark.some(2)
@pytest.mark.parametrize("which", LOSSES)
@pytest.mark.parametrize("steps", [0, 1])
def test_the_loss_of_the_previous_value(which: str, steps: int, tmp_path: Path) -> None:
    loss, each = LOSSES[which]
    whole = series()
    run = recorded(loss, tmp_path, whole, steps=steps, scale=1024 if steps else 1)
    x = whole.double().tolist()
    slow = [
        each(x[t][b][f] - x[t + 1][b][f])
        for t in range(T) for b in range(B) for f in range(F)
    ]  # fmt: skip
    assert run["persistence_loss"][0] == pytest.approx(math.fsum(slow) / len(slow), rel=1e-5)
    first = together = second = squares = 0.0
    for t in range(T - 1):
        for b in range(B):
            for f in range(F):
                one, next_ = x[t + 1][b][f] - x[t][b][f], x[t + 2][b][f] - x[t + 1][b][f]
                first += one**2
                second += next_**2
                together += one * next_
                squares += (one * next_) ** 2
    most = (abs(together) + 2 * math.sqrt(squares)) / math.sqrt(first * second)
    assert run["increment_correlation"][0] == pytest.approx(most, rel=1e-5)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: functional.mse_loss(z, y.roll(1, 0)),  # not the next value
        lambda z, y: functional.mse_loss(z[-1], y[-1]),  # of the last step alone
        lambda z, y: functional.mse_loss(z, y) + z.square().mean(),  # more than that loss
        lambda z, y: functional.cross_entropy(z.flatten(0, 1), y.flatten(0, 1).argmax(1)),
        lambda z, y: functional.binary_cross_entropy_with_logits(z, y),
    ],
)
def test_what_is_no_forecast_of_the_next_value_is_not_recorded(
    loss: LossOf, tmp_path: Path
) -> None:
    assert "persistence_loss" not in recorded(loss, tmp_path, series()).names


def test_a_series_that_stands_still_says_nothing(tmp_path: Path) -> None:
    still = torch.ones(T + 1, B, F)
    assert "persistence_loss" not in recorded(functional.mse_loss, tmp_path, still).names


@pytest.mark.parametrize(
    ("follows", "least", "most"), [(0.0, 0.0, 0.15), (0.5, 0.4, 0.6), (-0.5, 0.4, 0.6)]
)
def test_increments_that_follow_each_other(follows: float, least: float, most: float) -> None:
    """Increments ``d_t = e_t + k e_{t-1}`` correlate by ``k / (1 + k²)``, which is 0.4."""
    e = torch.randn(52, 40, 1, generator=torch.Generator().manual_seed(1))
    whole = (e[1:] + follows * e[:-1]).cumsum(0)
    z = torch.zeros(50, 40, 1, requires_grad=True)
    (term,) = loss_terms([functional.mse_loss(z + 0, whole[1:])])
    seen = Persistence()
    assert seen.add(term.given, LayerInput("rnn", whole[:-1], steps=0))
    assert least < seen.correlation < most


def told(levels: list[float], correlation: float) -> list[str]:
    """What is said of a loss that has these levels for 60 iterations each; repeating gives 2."""
    judge = Judge()
    for at, level in enumerate(level for level in levels for _ in range(60)):
        values = {"loss": level}
        if at % 20 == 19:
            values |= {"persistence_loss": 2.0, "increment_correlation": correlation}
        judge.update(at, values)
    lasting = judge.diagnosis().lasting
    return [f"{f.severity} {f.message}" for f in lasting if f.code == "BKS304"]


def test_a_loss_at_persistence_is_a_note() -> None:
    (walk,) = told([3.0, 2.05], 0.15)
    assert walk == (
        "info the loss is at 2.05; repeating the newest value gives 2; successive increments are "
        "not correlated, as in a random walk: no linear forecast from the last increment is better"
    )
    (other,) = told([3.0, 1.95], 0.16)
    assert other == "info the loss is at 1.95; repeating the newest value gives 2"


@pytest.mark.parametrize("levels", [[3.0, 1.9], [3.0, 2.1], [3.0, 2.0, 1.5]])
def test_a_loss_that_is_another_one_is_not(levels: list[float]) -> None:
    assert told(levels, 0.0) == []


def test_a_head_on_the_layer(tmp_path: Path) -> None:
    """One feature, and targets without its axis."""
    layer, head = nn.GRU(1, 3), nn.Linear(3, 1)
    model = nn.ModuleList([layer, head])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    whole = series()[..., :1]
    with watch(model, optimizer, tmp_path / "run", every=1):
        z = head(layer(whole[:-1])[0])[..., 0]
        loss = functional.mse_loss(z, whole[1:, :, 0])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = Run(tmp_path / "run")["persistence_loss"][0]
    assert found == pytest.approx(float((whole[1:] - whole[:-1]).square().mean()))


@pytest.mark.parametrize(
    ("level", "drift", "losses", "fires"),
    [
        (1.7, 1.0, 450, True),
        (1.4, 1.0, 450, False),  # nearer to what one number gains
        (1.7, 1.0, 380, False),  # in time
        (1.9, 1.6, 450, False),  # one number gains little
    ],
)
def test_a_loss_that_is_nearer_to_persistence_than_one_number_is(
    level: float, drift: float, losses: int, fires: bool
) -> None:
    judge = Judge()
    for at in range(losses):
        values = {"loss": level}
        if at % 25 == 24:
            values |= {"persistence_loss": 2.0, "drift_loss": drift, "increment_correlation": 0.9}
        judge.update(at, values)
    found = [f.message for f in judge.diagnosis().lasting if f.code == "BKS304"]
    assert found == fires * [
        "the loss is at 1.7; repeating the newest value gives 2, and adding a constant share of "
        "the last increment 1"
    ]


# -- loops over a cell, and targets after the last step -------------------------------------------

Trains = Callable[[nn.ModuleDict, Tensor], Tensor]
"""The loss of a model for a series ``(T + 1, B, F)``."""


def looped(model: nn.ModuleDict, whole: Tensor) -> list[Tensor]:
    """An answer a step."""
    state, answers = torch.zeros(B, UNITS), []
    for x in whole[:-1]:
        state = model["cell"](x, state)
        answers.append(model["head"](state))
    return answers


LOOPS: dict[str, tuple[Trains, float]] = {
    "stacked": (lambda m, s: functional.mse_loss(torch.stack(looped(m, s)), s[1:]), 1.0),
    "stacked, batch first": (
        lambda m, s: functional.mse_loss(
            torch.stack(looped(m, s), 1), s[1:].transpose(0, 1), reduction="sum"
        ),
        T * B * F,
    ),
    "a loss a step": (
        lambda m, s: sum(
            map(functional.mse_loss, looped(m, s), s[1:]), torch.zeros(())
        ) / 2,
        T / 2,
    ),
    "by hand, a loss a step": (
        lambda m, s: torch.stack(
            [(z - y).square().mean() for z, y in zip(looped(m, s), s[1:], strict=True)]
        ).mean(),
        1.0,
    ),
    "a loss a step, of a layer": (
        lambda m, s: sum(
            map(functional.mse_loss, m["head"](m["rnn"](s[:-1])[0]), s[1:]), torch.zeros(())
        ),
        T,
    ),
}  # fmt: skip


def trained(loss: Trains, folder: Path, series: Callable[[int], Tensor], looks: int = 2) -> Run:
    """Recorded, each iteration a look."""
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {"cell": nn.GRUCell(F, UNITS), "rnn": nn.GRU(F, UNITS), "head": nn.Linear(UNITS, F)}
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=1):
        for look in range(looks):
            loss(model, series(look)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Run(folder / "run")


@pytest.mark.some(2)
@pytest.mark.parametrize("which", LOOPS)
def test_a_loop_over_a_cell(which: str, tmp_path: Path) -> None:
    loss, times = LOOPS[which]
    run = trained(loss, tmp_path, series)
    squares = [float((series(seed)[1:] - series(seed)[:-1]).square().mean()) for seed in (0, 1)]
    expected = [times * squares[0], times * sum(squares) / 2]  # over all looks so far
    assert run["persistence_loss"] == pytest.approx(expected, rel=1e-5)


def test_losses_of_steps_that_weigh_differently_are_not_compared(tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict, s: Tensor) -> Tensor:
        each = list(map(functional.mse_loss, looped(m, s), s[1:]))
        return torch.stack([e * 0.9**n for n, e in enumerate(each)]).sum()

    assert "persistence_loss" not in trained(loss, tmp_path, series).names


ROWS = 12
"""Windows of ``T`` steps, of a series that is a little longer, in any order."""


def windows(look: int) -> Tensor:
    """``(T + 2, ROWS, F)``: the last two are what follows."""
    torch.manual_seed(look)
    whole = torch.randn(ROWS + T + 1, F).cumsum(0)
    return whole.unfold(0, T + 2, 1).permute(2, 0, 1)[:, torch.randperm(ROWS)]


def last(model: nn.ModuleDict, s: Tensor) -> Tensor:
    z: Tensor = model["head"](model["rnn"](s[:T])[0][-1])
    return z


def last_state(model: nn.ModuleDict, s: Tensor) -> Tensor:
    result: Tensor = model["head"](model["rnn"](s[:T])[1][-1])
    return result


def last_of_loop(model: nn.ModuleDict, s: Tensor) -> Tensor:
    state = torch.zeros(ROWS, UNITS)
    for x in s[:T]:
        state = model["cell"](x, state)
    z: Tensor = model["head"](state)
    return z


@pytest.mark.some(4)
@pytest.mark.parametrize("answer", [last, last_state, last_of_loop])
@pytest.mark.parametrize("column", [None, 2])
def test_a_target_after_the_last_step(
    answer: Callable[[nn.ModuleDict, Tensor], Tensor], column: int | None, tmp_path: Path
) -> None:
    """Of all features, or of one of them."""
    chosen = slice(None) if column is None else column

    def loss(m: nn.ModuleDict, s: Tensor) -> Tensor:
        z = answer(m, s) if column is None else answer(m, s)[:, 0]
        return functional.l1_loss(z, s[T][:, chosen])

    run = trained(loss, tmp_path, windows, 1)
    s = windows(0).double()
    first, step = (s[T - 1] - s[T - 2])[:, chosen], (s[T] - s[T - 1])[:, chosen]
    assert run["persistence_loss"][0] == pytest.approx(float(step.abs().mean()), rel=1e-5)
    most = abs((first * step).sum()) + 2 * (first * step).square().sum().sqrt()
    size = (first.square().sum() * step.square().sum()).sqrt()
    assert run["increment_correlation"][0] == pytest.approx(float(most / size), rel=1e-5)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("target", "of"),
    [
        (lambda s: s[T + 1], windows),  # two steps ahead
        (lambda s: s[T].roll(1, 0), windows),  # of another window
        (lambda s: s[T] - s[T - 1], windows),  # the increment
        (lambda s: s[T], lambda look: torch.randn(T + 2, ROWS, F).cumsum(0)),  # nothing shows it
        (lambda s: s[T], lambda look: torch.ones(T + 2, ROWS, F)),  # nothing moves
    ],
)
def test_a_target_that_is_not_seen_to_be_the_next_value(
    target: Callable[[Tensor], Tensor], of: Callable[[int], Tensor], tmp_path: Path
) -> None:
    run = trained(lambda m, s: functional.mse_loss(last(m, s), target(s)), tmp_path, of)
    assert "persistence_loss" not in run.names


def of(target: Tensor, x: Tensor) -> tuple[bool, float]:
    """Whether targets ``y`` of steps-first windows are known, and what the newest value loses."""
    (term,) = loss_terms(
        [functional.mse_loss(torch.zeros_like(target).requires_grad_() + 0, target)]
    )
    seen = Persistence()
    return seen.add(term.given, LayerInput("rnn", x, steps=0)), seen.loss


def test_targets_that_leave_out_the_first_steps_or_other_features() -> None:
    whole = series()
    known, lost = of(whole[4:], whole[:-1])
    assert known
    assert lost == pytest.approx(float((whole[4:] - whole[3:-1]).square().mean()))
    known, lost = of(whole[1:, :, 2].T, whole[:-1])
    moves = whole[1:, :, 2] - whole[:-1, :, 2]
    assert known
    assert lost == pytest.approx(float(moves.square().mean()))
    assert not of(whole[5:, :, 1], whole[:-1, :, :1])[0]
    assert not of(whole[:4], whole[:-1])[0]


def test_a_target_that_the_newest_value_comes_close_to() -> None:
    walk = torch.randn(9, 64, 2, generator=torch.Generator().manual_seed(1)).cumsum(0)
    known, lost = of(walk[-1, :, :1], walk[:-1])
    assert known
    assert lost == pytest.approx(float((walk[-1] - walk[-2])[:, 0].square().mean()))
    assert not of(walk[:, :, 0].sum(0), walk[:-1])[0]
    assert not of(walk[-1, :4, 0], walk[:-1, :4])[0]


@pytest.mark.some(4)
@pytest.mark.parametrize("shape", [(64,), (64, 1)])
@pytest.mark.parametrize("ahead", [1, 9])
@pytest.mark.parametrize("convolved", [False, True])
def test_a_window_that_another_layer_reads_first(
    shape: tuple[int, ...], ahead: int, convolved: bool, tmp_path: Path
) -> None:
    """One number for each window, near the newest one; a sum of the window is not."""
    walk = torch.randn(64, 10, 1, generator=torch.Generator().manual_seed(2)).cumsum(1)
    x, y = walk[:, :-1], walk[:, -ahead:].sum(1)
    model = nn.ModuleDict(
        {
            "first": nn.Linear(1, 4),
            "conv": nn.Conv1d(1, 4, 2),
            "rnn": nn.GRU(4, 4, batch_first=True),
            "o": nn.Linear(4, 1),
        }
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        read = model["conv"](x.movedim(1, 2)).movedim(1, 2) if convolved else model["first"](x)
        z = model["o"](model["rnn"](read.relu())[0][:, -1])
        functional.mse_loss(z.reshape(shape), y.reshape(shape)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    run = Run(tmp_path / "run")
    assert ("persistence_loss" in run.names) is (ahead == 1)
    if ahead == 1:
        moves = walk[:, 1:] - walk[:, :-1]
        expected = float(moves[:, -1].square().mean())
        assert run["persistence_loss"].tolist() == [pytest.approx(expected, rel=1e-5)]
        a, b = moves[:, -2], moves[:, -1]
        drift = float((b - (a * b).sum() / a.square().sum() * a).square().mean())
        assert run["drift_loss"].tolist() == [pytest.approx(drift, rel=1e-5)]


class Scanned(nn.Module):
    """No recurrent layer of PyTorch's: a linear layer, and a loop over what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(F, UNITS), nn.Linear(UNITS, F)

    def forward(self, x: Tensor) -> Tensor:
        mean, states = torch.zeros(()), []
        for step in self.first(x).unbind(1):
            mean = 0.5 * mean + 0.5 * step
            states.append(mean)
        result: Tensor = self.head(torch.stack(states, 1))
        return result


class Convolved(nn.Module):
    """Each step reads two, and those before the first are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(F, F, 2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.first(functional.pad(x.transpose(1, 2), (1, 0))).transpose(1, 2)
        return result


@pytest.mark.parametrize(("kind", "lag"), [(Scanned, 1), (Scanned, 2), (Convolved, 1)])
def test_what_another_layer_is_given_first(
    kind: Callable[[], nn.Module], lag: int, tmp_path: Path
) -> None:
    """``(B, T, F)``: the next values, and those after them, which repeating the newest is no way
    of forecasting that is looked at."""
    model, whole = kind(), series().movedim(0, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        loss = functional.mse_loss(model(whole[:, :-lag]), whole[:, lag:])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    run = Run(tmp_path / "run")
    assert ("persistence_loss" in run.names) is (lag == 1)
    if lag == 1:
        expected = float((whole[:, 1:] - whole[:, :-1]).square().mean())
        assert run["persistence_loss"].tolist() == [pytest.approx(expected, rel=1e-5)]
