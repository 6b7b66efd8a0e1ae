"""What half precision rounds away, of weights and of states, and what looks like it."""

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam

from backsight import Run, diagnose, watch
from backsight.diagnosis import Finding, Judge
from backsight.diagnosis.rules._frozen import Frozen
from backsight.diagnosis.rules.wiring._half_precision import LostInHalf
from backsight.probes import LossOperations, some_elements
from backsight.probes.wiring import overflow_in_half


def trained(net: nn.Module, path: Path, rate: float, steps: int = 6) -> Run:
    """A regression; every step is sampled."""
    torch.manual_seed(0)
    optimizer = SGD(net.parameters(), lr=rate)
    with watch(net, optimizer, path, every=1):
        for _ in range(steps):
            optimizer.zero_grad()
            x = torch.randn(16, 4, dtype=next(net.parameters()).dtype)
            (net(x).float() - 1).square().mean().backward()
            optimizer.step()
    return Run(path)


def found_in(run: Run) -> list[Finding]:
    return [one for one in diagnose(run).lasting if one.code == "BKS438"]


def linear(kind: torch.dtype = torch.float32) -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(4, 2, dtype=kind)


# -- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [3e-4, 1e-2])
def test_the_share_is_that_of_weights_that_a_step_does_not_change(
    rate: float, tmp_path: Path
) -> None:
    """Against the weights themselves, before and after each step."""
    net = linear(torch.bfloat16)
    before, shares = [p.detach().clone() for p in net.parameters()], []
    optimizer = SGD(net.parameters(), lr=rate)
    torch.manual_seed(0)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            optimizer.zero_grad()
            (net(torch.randn(16, 4).bfloat16()).float() - 1).square().mean().backward()
            optimizer.step()
            same = [
                (p.detach() == old).flatten()
                for p, old in zip(net.parameters(), before, strict=True)
            ]
            shares.append(torch.cat(same).float().mean().item())
            before = [p.detach().clone() for p in net.parameters()]
    assert Run(tmp_path / "run")["half_lost"].tolist() == pytest.approx(shares)


def test_weights_in_float32_are_not_looked_at(tmp_path: Path) -> None:
    run = trained(linear(), tmp_path / "run", rate=1e-9)
    assert not [name for name in run.names if name.startswith("half_lost")]


def test_a_rate_of_zero_loses_nothing(tmp_path: Path) -> None:
    run = trained(linear(torch.bfloat16), tmp_path / "run", rate=0.0)
    assert not [name for name in run.names if name.startswith("half_lost")]


def test_steps_that_are_lost_are_a_note_and_no_error_of_a_parameter(tmp_path: Path) -> None:
    """What learns all the same is not accused, nor is one of its parameters."""
    run = trained(linear(torch.bfloat16), tmp_path / "run", rate=1e-7)
    (one,) = found_in(run)
    assert (one.severity, one.evidence) == ("info", {"share lost": 1.0})
    assert {f.severity for f in diagnose(run).lasting} == {"info"}
    assert "BKS402" not in {f.code for f in diagnose(run).lasting}


@pytest.mark.parametrize(("newest", "told"), [(1.0, True), (0.9, False)])
def test_a_parameter_that_no_step_has_moved_is_told_for_what_it_is(
    newest: float, told: bool
) -> None:
    """Most of the weights move; a bias of 0.3 does not, which is no frozen parameter."""
    judge = Judge(rules=[LostInHalf(), Frozen()])
    for iteration in range(9):
        lost = newest if iteration == 8 else 1.0
        judge.update(
            iteration,
            {"half_lost": 0.7, "half_lost/fc.weight": 0.6, "half_lost/fc.bias": lost, "loss": 1.0}
            | {"update_ratio/fc.weight": 1e-3, "update_ratio/fc.bias": 1e-3 * (lost < 1)},
        )
    lasting = judge.diagnosis().lasting
    assert [(one.code, one.severity) for one in lasting] == [("BKS438", "info")] * told
    assert not told or "fc.bias" in lasting[0].message


def of_losses(losses: Iterable[float], lost: float = 0.95) -> list[Finding]:
    judge = Judge(rules=[LostInHalf()])
    for iteration, loss in enumerate(losses):
        judge.update(iteration, {"loss": loss, "half_lost": lost, "half_lost/rnn.A_log": lost})
    return list(judge.diagnosis().findings)


def test_it_is_a_warning_once_the_loss_has_not_fallen() -> None:
    (found,) = of_losses([1.0] * 120)
    assert found.severity == "warning"
    (found,) = of_losses([2.0 * 0.98**i for i in range(120)])
    assert found.severity == "info"
    assert of_losses([1.0] * 120, lost=0.5) == []


@pytest.mark.parametrize("first", [0.5, 1.0])
def test_a_time_constant_counts_unless_a_step_has_moved_it(first: float) -> None:
    """At the end of a schedule, the steps of all weights are small."""
    judge = Judge(rules=[LostInHalf()])
    for iteration in range(12):
        lost = 1.0 if iteration else first
        here = {"fragile_decay": 0.0, "fragile_decay/A_log": 0.0}
        judge.update(iteration, here | {"half_lost": lost, "half_lost/A_log": lost, "loss": 1.0})
    (found,) = judge.diagnosis().findings
    assert found.severity == ("info" if first < 1 else "warning")
    assert ("A_log" in found.message) is (first == 1)


def test_an_eps_that_is_zero_in_half_precision_is_named_where_it_divides(tmp_path: Path) -> None:
    net = linear(torch.float16)
    optimizer = Adam(net.parameters(), lr=1e-3)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            optimizer.zero_grad()
            (1e-3 * net(torch.ones(16, 4).half()).float()).square().mean().backward()
            optimizer.step()
    lead = diagnose(Run(tmp_path / "run")).leads[0]
    assert (lead.code, lead.severity) == ("BKS438", "error")
    assert "eps" in lead.findings[0].message


# -- states -------------------------------------------------------------------------------------


class Sums(nn.Module):
    """A state that steps add to, which fades a little between them."""

    def __init__(self, steps: int, state: torch.dtype, *, all_read: bool = False) -> None:
        super().__init__()
        self.head, self.steps, self.state = linear(), steps, state
        self.all_read = all_read

    def forward(self, x: Tensor) -> Tensor:
        state, step = torch.zeros_like(x, dtype=self.state), torch.tanh(self.head(x)[:, :1])
        states = []
        for _ in range(self.steps):
            state = (0.9 * state.float() + step).to(self.state)
            states.append(state)
        read = torch.stack(states) if self.all_read else state
        result: Tensor = self.head(read.float())
        return result


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_a_state_that_adds_up_in_half_precision_is_a_note(
    kind: torch.dtype, tmp_path: Path
) -> None:
    (found,) = found_in(trained(Sums(16, kind), tmp_path / "run", rate=1e-3))
    assert (found.severity, found.evidence) == ("info", {"sums in half precision": 16.0})


def test_so_is_one_that_the_loss_reads_after_each_step(tmp_path: Path) -> None:
    net = Sums(16, torch.bfloat16, all_read=True)
    (found,) = found_in(trained(net, tmp_path / "run", rate=1e-3))
    assert (found.severity, found.evidence) == ("info", {"sums in half precision": 16.0})


@pytest.mark.some(3)
@pytest.mark.parametrize(
    "net",
    [
        *(Sums(8, torch.bfloat16), Sums(16, torch.float32)),
        *(Sums(8, torch.bfloat16, all_read=True), Sums(16, torch.float32, all_read=True)),
    ],
)
def test_few_sums_or_exact_ones_are_not(net: Sums, tmp_path: Path) -> None:
    assert found_in(trained(net, tmp_path / "run", rate=1e-3)) == []


def test_such_a_state_is_a_warning_where_nothing_is_learned() -> None:
    judge = Judge(rules=[LostInHalf()])
    for iteration in range(120):
        judge.update(iteration, {"loss": 1.0, "half_steps": 40.0})
    (found,) = judge.diagnosis().findings
    assert found.severity == "warning"


# -- some elements ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (), (3,), (2048,), (2049,), (64, 64), (1024, 1024)])
def test_some_elements_are_spread_over_a_parameter(shape: tuple[int, ...]) -> None:
    all_of_it = torch.arange(torch.Size(shape).numel()).reshape(shape)
    some = some_elements(all_of_it)
    assert min(1024 - 400, all_of_it.numel()) <= len(some) <= 2048
    if len(shape) == 2:  # of many columns
        assert len(set((some % shape[1]).tolist())) > min(shape) / 2


def test_some_elements_are_a_copy() -> None:
    weights = nn.Parameter(torch.zeros(3))
    some = some_elements(weights)
    with torch.no_grad():
        weights.fill_(1.0)
    assert some.tolist() == [0.0, 0.0, 0.0]
    assert not some.requires_grad


# -- numbers out of range -----------------------------------------------------------------------


def attention(x: Tensor, mask: float = 1e4, by: float = 1.0) -> Tensor:
    q = by * x.half()
    before = torch.tril(torch.ones(4, 4)).half()
    w = q @ q.T * before - torch.tensor(mask).half() * (1 - before)
    return (w.softmax(-1) @ q).float()


def over(loss: Tensor) -> str | None:
    assert not bool(loss.isfinite())
    return overflow_in_half(LossOperations([loss]))


def test_numbers_that_float16_has_no_room_for() -> None:
    x = torch.linspace(-1, 1, 12).view(4, 3).requires_grad_()
    bad = torch.full((4, 3), math.nan)
    assert bool(attention(x).sum().isfinite())
    assert over(attention(x, mask=1e10).sum()) == "softmax"
    assert over(attention(x, by=1e3).sum()) == "softmax"
    assert over((x * 300).half().square().sum().float() / 4) == "sum"
    assert over((x * 1e30).square().sum() / 4) is None  # in float32
    assert over((attention(x) * bad).sum()) is None  # of the data
    assert over(attention(x * bad).sum()) is None
    assert over(attention(x.relu().log()).sum()) is None  # before
    assert over(attention((x / torch.zeros(3)).softmax(-1)).sum()) is None
    assert over((x * math.inf).softmax(-1).sum()) is None  # in float32
    with torch.no_grad():
        x[0, 0] = math.inf
    assert over(attention(x).sum()) is None  # a weight


@pytest.mark.parametrize(("mask", "told"), [(1e10, ["error"]), (1e4, [])])
def test_a_mask_that_float16_has_no_room_for_leads(
    mask: float, told: list[str], tmp_path: Path
) -> None:
    net = linear()
    optimizer = SGD(net.parameters(), lr=0.1)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            optimizer.zero_grad()
            loss = attention(net(torch.randn(4, 4)), mask).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = diagnose(Run(tmp_path / "run"))
    assert [one.severity for one in found.lasting if one.code == "BKS438"] == told
    assert not told or found.leads[0].code == "BKS438"
