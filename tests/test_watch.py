"""``watch`` sees every kind of loop rightly, and changes none: numbers against the loop's own."""

import copy
import functools
import math
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from backsight import watch
from backsight.errors import RunError, SettingError
from backsight.monitor._schedule import RARELY, Schedule
from backsight.probes import GradientProfile, probe
from backsight.signals import Run

FUSED: dict[str, Callable[..., nn.RNNBase]] = {
    "tanh": nn.RNN,
    "relu": functools.partial(nn.RNN, nonlinearity="relu"),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "projected": functools.partial(nn.LSTM, proj_size=2),
}
CELLS = {"rnn cell": nn.RNNCell, "gru cell": nn.GRUCell, "lstm cell": nn.LSTMCell}
STACKED = {"num_layers": 2, "dropout": 0.3, "bidirectional": True}
KINDS = (*FUSED, *CELLS, "own", "attention")


class Fused(nn.Module):
    """A recurrent layer, a norm with buffers, a head."""

    def __init__(self, kind: str = "gru", out: int = 1, **options: Any) -> None:
        super().__init__()
        self.rnn = FUSED[kind](3, 4, batch_first=True, **options)
        features = (self.rnn.proj_size or 4) * (2 if self.rnn.bidirectional else 1)
        self.norm = nn.BatchNorm1d(features)
        self.head = nn.Linear(features, out)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        outputs, self.state = self.rnn(x, state)
        normed = self.norm(outputs.flatten(0, 1)).view(outputs.shape)
        return self.head(normed)


class Own(nn.Module):
    """A recurrent step as users write their own."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.on = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.into(x) + self.on(h))


class Stepped(nn.Module):
    """A loop over something that is called once a step."""

    def __init__(self, kind: str = "gru cell") -> None:
        super().__init__()
        self.cell = Own() if kind == "own" else CELLS[kind](3, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor, each: Callable[[Tensor], object] | None = None) -> Any:
        state: Any = x.new_zeros(len(x), 4)
        if isinstance(self.cell, nn.LSTMCell):
            state = state, state.clone()
        states = []
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            states.append(state[0] if isinstance(state, tuple) else state)
            if each:
                each(states[-1])
        return self.head(torch.stack(states, 1))


class Attention(nn.Module):
    """A small transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 4)
        self.block = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Any:
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.head(self.block(self.embed(x), src_mask=mask))


def make(kind: str, **options: Any) -> nn.Module:
    if kind in FUSED:
        return Fused(kind, **options)
    return Attention() if kind == "attention" else Stepped(kind)


def inputs_of(kind: str) -> str | None:
    return "embed" if kind == "attention" else None


class Clock:
    """Time stands still until a test moves it."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("_monitor", "_sampling", "_outbox"):
        monkeypatch.setattr(f"backsight.monitor.{module}.time", clock)
    return clock


def gradient(model: nn.Module) -> float:
    """``‖∂L/∂θ‖`` now."""
    return math.sqrt(sum(p.grad.square().sum().item() for p in model.parameters() if p.grad is not None))  # fmt: skip # noqa: E501


def batch(*shape: int) -> Tensor:
    return torch.randn(*shape or (4, 6), 3, dtype=torch.float64)


def at(run: Run, name: str, iteration: int) -> Any:
    """The value or row of a signal at an iteration."""
    if run.is_profile(name):
        profile = run.profile(name)
        return profile.rows[profile.iterations.tolist().index(iteration)]
    series = run.series(name)
    return series.values[series.iterations.tolist().index(iteration)]


def check_series(run: Run, expected: Mapping[str, list[float]], rtol: float = 1e-12) -> None:
    """Every iteration has these numbers, and no other iteration has."""
    for name, values in expected.items():
        series = run.series(name)
        there = [i for i, value in enumerate(values) if value is not None]
        assert series.iterations.tolist() == there, name
        np.testing.assert_allclose(series.values, [values[i] for i in there], rtol, err_msg=name)


def check_profiles(
    run: Run, iteration: int, profiles: Mapping[str, GradientProfile], rtol: float = 1e-10
) -> None:
    """What was sampled is what ``probe`` says of the same batch and weights."""
    assert profiles
    for name, profile in profiles.items():
        rows = {"grad_time": profile.grad_time, "reach": profile.reach}
        rows["hidden_norm"] = profile.hidden_norm
        if profile.grad_time_cell is not None:
            rows["grad_time_cell"] = profile.grad_time_cell
        assert profile.half_life is not None
        assert profile.horizon is not None
        numbers = {
            "half_life": profile.half_life.steps,
            "horizon": profile.horizon.steps,
            "growth_rate": profile.growth_rate,
        }
        for gate, share in profile.saturation.items():
            assert at(run, f"saturation/{name}{'.' if gate else ''}{gate}", iteration) == share
        for family, value in (rows | numbers).items():
            found = at(run, f"{family}/{name}", iteration)
            np.testing.assert_allclose(found, value, rtol, err_msg=f"{family}/{name} {iteration}")


def same_runs(one: Run, other: Run, *, but: tuple[str, ...] = ("tokens_per_second",)) -> None:
    """Two runs hold the same signals, iterations and numbers."""
    assert set(one.names) - set(but) == set(other.names) - set(but)
    for name in set(one.names) - set(but):
        if one.is_profile(name):
            a, b = one.profile(name), other.profile(name)
            np.testing.assert_array_equal(a.iterations, b.iterations, err_msg=name)
            for left, right in zip(a.rows, b.rows, strict=True):
                np.testing.assert_allclose(left, right, 1e-12, 1e-300, err_msg=name)
        else:
            c, d = one.series(name), other.series(name)
            np.testing.assert_array_equal(c.iterations, d.iterations, err_msg=name)
            np.testing.assert_allclose(c.values, d.values, 1e-12, err_msg=name)


def read(run: Run | None) -> Run:
    assert run is not None
    return run


# -- 1. nothing changes ---------------------------------------------------------------------


def everything(
    kind: str, watching: Callable[[nn.Module, Optimizer], AbstractContextManager[object]]
) -> list[bytes]:
    """All that a training leaves behind, after 200 iterations."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = make(kind, **STACKED)
    optimizer = Adam(model.parameters(), lr=0.01)
    seen: list[Tensor] = []
    with watching(model, optimizer):
        for i in range(200):
            x = torch.randn(3, 3 + i % 2, 3) * random.random() + float(np.random.rand())
            outputs = model(x)
            loss = outputs.square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            seen += [outputs.detach(), loss.detach()]
    states = optimizer.state_dict()["state"].values()
    tensors = [*model.parameters(), *model.buffers(), *(t for s in states for t in s.values())]
    numbers = [t.detach().numpy().tobytes() for t in (*seen, *tensors, torch.get_rng_state())]
    return [*numbers, repr(random.getstate()).encode(), np.random.get_state()[1].tobytes()]  # type: ignore[index,union-attr]


@functools.cache
def untouched(kind: str) -> list[bytes]:
    return everything(kind, lambda *_: nullcontext())


@pytest.mark.parametrize("every", [1, 7, "auto"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_is_bit_identical(kind: str, every: Any, run_path: Path) -> None:
    """Outputs, losses, parameters, buffers, optimizer state, three random generators."""
    watched = everything(
        kind, lambda m, o: watch(m, o, run_path, every=every, inputs=inputs_of(kind))
    )
    assert watched == untouched(kind)
    run = Run(run_path)
    assert len(run["loss"]) == len(run["grad_norm"]) == 200
    reach = next(name for name in run.names if name.startswith("reach/"))
    count = len(run.profile(reach).iterations)
    assert count >= 2 if every == "auto" else count == math.ceil(200 / every)


# -- 2. an ordinary loop --------------------------------------------------------------------


@pytest.mark.parametrize("none", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_loop(kind: str, none: bool, run_path: Path, clock: Clock) -> None:
    """Every number of every iteration, and the samples, against the loop's own arithmetic."""
    torch.manual_seed(1)
    model, twin = make(kind, **STACKED).double(), make(kind, **STACKED).double()
    optimizer = Adam(model.parameters(), lr=0.01, betas=(0.8, 0.9))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    expected: dict[str, list[float]] = defaultdict(list)
    members: dict[str, float] = {}
    found: dict[int, dict[str, GradientProfile]] = {}
    with watch(model, optimizer, run_path, every=3, inputs=inputs_of(kind)):
        for i in range(7):
            x = batch(4, 7 if i % 2 else 5)
            twin.load_state_dict(model.state_dict())
            before = torch.get_rng_state()
            clock.now += 0.25
            optimizer.zero_grad(set_to_none=none)
            loss = model(x).square().mean()
            loss.backward()
            expected["loss"].append(loss.item())
            expected["grad_norm"].append(gradient(model))
            each = {n: p.grad.norm().item() for n, p in model.named_parameters()}
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            expected["grad_norm_applied"].append(gradient(model))
            expected["lr"].append(0.01 * 0.9**i)
            expected["momentum"].append(0.8)
            old = {n: p.detach().clone() for n, p in model.named_parameters()}
            optimizer.step()
            scheduler.step()
            if kind in FUSED or kind in CELLS:
                expected["seq_len"].append(x.shape[1])
                expected["tokens_per_second"].append(4 * x.shape[1] / 0.25)
            if i == 3:
                members |= {f"grad_norm/{name}": norm for name, norm in each.items()}
                for n, p in model.named_parameters():
                    members[f"weight_norm/{n}"] = p.norm().item()
                    members[f"update_ratio/{n}"] = ((p - old[n]).norm() / old[n].norm()).item()
                members |= spectra(model)
            if i % 3 == 0:
                after = torch.get_rng_state()

                def again(x: Tensor = x, before: Tensor = before) -> Any:
                    torch.set_rng_state(before)
                    return twin(x).square().mean()

                found[i] = probe(twin, again, inputs=inputs_of(kind))
                assert torch.equal(after, torch.get_rng_state())
    run = Run(run_path)
    check_series(run, expected)
    for name, value in members.items():
        assert run.series(name).iterations.tolist() == [0, 3, 6], name
        np.testing.assert_allclose(at(run, name, 3), value, 1e-12, err_msg=name)
    for i, profiles in found.items():
        check_profiles(run, i, profiles)
    sampled = [n for n in run.names if n.split("/")[0] in ("reach", "grad_time")]
    assert {n.partition("/")[2] for n in sampled} == set(found[0])
    assert all(run.profile(n).iterations.tolist() == [0, 3, 6] for n in sampled)


def spectra(model: nn.Module) -> dict[str, float]:
    """NumPy's, of the part of ``W_hh`` that makes the new state or the candidate."""
    numbers = {}
    for name, weight in model.named_parameters():
        stem, _, last = name.rpartition(".")
        if not last.startswith("weight_hh"):
            continue
        member = stem + last.removeprefix("weight_hh").replace("_", ".", 1)
        w = weight.detach().numpy()
        w = w[8:12] if len(w) > 4 else w
        numbers[f"sigma_max/{member}"] = np.linalg.svd(w)[1].max()
        if w.shape[0] == w.shape[1]:
            numbers[f"spectral_radius/{member}"] = abs(np.linalg.eigvals(w)).max()
    return numbers


# -- 3. and 4. what an iteration is ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["lstm", "gru cell", "own"])
def test_gradient_accumulation(kind: str, run_path: Path) -> None:
    """Four micro-batches are one iteration; the first of them is the one sampled."""
    torch.manual_seed(2)
    model, twin = make(kind).double(), make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.1)
    expected: dict[str, list[float]] = defaultdict(list)
    found = []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(4):
            optimizer.zero_grad()
            twin.load_state_dict(model.state_dict())
            losses = []
            for k in range(4):
                x = batch(4, 6 - k % 2) * (k + 1)
                if k == 0:
                    found.append(probe(twin, lambda x=x: twin(x).square().mean() / 4))
                loss = model(x).square().mean() / 4
                loss.backward()
                losses.append(loss.item())
            expected["loss"].append(sum(losses))
            expected["grad_norm"].append(gradient(model))
            optimizer.step()
    run = Run(run_path)
    check_series(run, expected)
    for i, profiles in enumerate(found):
        assert at(run, f"reach/{next(iter(profiles))}", i).shape == (6,)
        check_profiles(run, i, profiles)


class Translator(nn.Module):
    """An encoder hands its state to a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.GRU(3, 4, batch_first=True)
        self.decoder = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor, y: Tensor) -> Any:
        return self.decoder(y, self.encoder(x)[1])[0]


def test_optimizers_that_step_one_after_the_other(run_path: Path) -> None:
    """Two steps, one iteration; the profiles of both halves."""
    torch.manual_seed(3)
    model = Translator().double()
    both = [Adam(model.encoder.parameters(), lr=0.01), SGD(model.decoder.parameters(), lr=0.1)]
    expected: dict[str, list[float]] = defaultdict(list)
    found = []
    with watch(model, both, run_path, every=1):
        for _ in range(4):
            x, y = batch(4, 7), batch(4, 5)
            twin = Translator().double()
            twin.load_state_dict(model.state_dict())
            found.append(probe(twin, lambda t=twin, x=x, y=y: t(x, y).square().mean()))
            for optimizer in both:
                optimizer.zero_grad()
            loss = model(x, y).square().mean()
            loss.backward()
            expected["loss"].append(loss.item())
            expected["grad_norm"].append(gradient(model))
            nn.utils.clip_grad_norm_(model.encoder.parameters(), 1e-4)
            expected["grad_norm_applied"].append(gradient(model))
            expected["lr"].append(0.01)
            expected["lr/2"].append(0.1)
            for optimizer in both:
                optimizer.step()
    run = Run(run_path)
    check_series(run, expected)
    for i, profiles in enumerate(found):
        check_profiles(run, i, profiles)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_game_of_two(frozen: bool, tmp_path: Path) -> None:
    """A monitor each, as in a GAN: neither takes the other's loss or step for its own.

    Where the judge is not frozen, the maker's loss leaves gradients in it, which are thrown away.
    """
    torch.manual_seed(4)
    maker, judge = Fused("gru", out=3).double(), Fused("lstm").double()
    a, b = SGD(maker.parameters(), lr=0.1), SGD(judge.parameters(), lr=0.1)
    losses: dict[str, list[float]] = {"maker": [], "judge": []}
    norms: dict[str, list[float]] = {"maker": [], "judge": []}
    with (
        watch(maker, a, tmp_path / "maker", every=2),
        watch(judge, b, tmp_path / "judge", every=1),
    ):
        for _ in range(5):
            b.zero_grad()
            loss = judge(batch()).mean() - judge(maker(batch()).detach()).mean()
            loss.backward()
            losses["judge"].append(loss.item())
            norms["judge"].append(gradient(judge))
            b.step()
            judge.requires_grad_(not frozen)
            a.zero_grad()
            loss = judge(maker(batch())).mean()
            loss.backward()
            losses["maker"].append(loss.item())
            norms["maker"].append(gradient(maker))
            a.step()
            judge.requires_grad_(True)
    for name, values in losses.items():
        check_series(Run(tmp_path / name), {"loss": values, "grad_norm": norms[name]})


def test_what_else_trains_does_not_disturb(tmp_path: Path) -> None:
    """A frozen target network of the same kind, and another model with its own optimizer."""

    def train(path: Path, others: bool) -> Run:
        torch.manual_seed(5)
        model = make("lstm").double()
        target, other = copy.deepcopy(model).requires_grad_(False), make("gru cell").double()
        optimizer, another = Adam(model.parameters()), SGD(other.parameters(), lr=0.1)
        data = [batch() for _ in range(6)]
        with watch(model, optimizer, path, every=2):
            for x in data:
                wanted = target(x)
                if others:
                    other(x).square().mean().backward()
                loss = (model(x) - wanted).square().mean()
                if others:
                    another.step()
                    another.zero_grad()
                optimizer.zero_grad()
                loss.backward()
                if others:
                    other(x).square().mean().backward()
                    another.step()
                optimizer.step()
                if others:
                    other(x).square().mean().backward()
                    another.zero_grad()
        return Run(path)

    same_runs(train(tmp_path / "a", True), train(tmp_path / "b", False))


@pytest.mark.parametrize("kind", ["lstm", "gru cell"])
@pytest.mark.parametrize("which", ["LBFGS", "SGD"])
def test_a_closure(which: str, kind: str, run_path: Path) -> None:
    """One iteration a step: what the closure gives first, which is what ``step`` returns."""
    torch.manual_seed(6)
    model, twin = make(kind).double(), make(kind).double()
    optimizer: Optimizer = SGD(model.parameters(), lr=0.1)
    if which == "LBFGS":
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=5)
    expected: dict[str, list[float]] = defaultdict(list)
    found = []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(4):
            x, norms = batch(), []
            twin.load_state_dict(model.state_dict())
            found.append(probe(twin, lambda x=x: twin(x).square().mean()))

            def closure(x: Tensor = x, norms: list[float] = norms) -> Any:
                optimizer.zero_grad()
                loss = model(x).square().mean()
                loss.backward()
                norms.append(gradient(model))
                return loss

            expected["loss"].append(float(optimizer.step(closure)))  # type: ignore[arg-type]
            assert len(norms) > 1 if which == "LBFGS" else len(norms) == 1
            expected["grad_norm"].append(norms[0])
            expected["seq_len"].append(6)
    run = Run(run_path)
    check_series(run, expected)
    for i, profiles in enumerate(found):
        check_profiles(run, i, profiles)


# -- 6. mixed precision ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lstm", "gru cell", "attention"])
@pytest.mark.parametrize("how", ["plain", "clipped", "fused", "twice"])
def test_a_scaled_loss_is_recorded_unscaled(how: str, kind: str, tmp_path: Path) -> None:
    """Everything is as without the scaler, to the last digits but one."""

    def train(path: Path, enabled: bool) -> Run:
        torch.manual_seed(7)
        model = make(kind).double()
        optimizer = Adam(model.parameters(), lr=0.01, fused=how == "fused")
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2, enabled=enabled)
        with watch(model, optimizer, path, every=1, inputs=inputs_of(kind)):
            for _ in range(5):
                optimizer.zero_grad()
                outputs = model(batch())
                losses = [outputs.square().mean()]
                if how == "twice":  # both are scaled before the first is used
                    losses.append(outputs.abs().mean())
                for scaled in [scaler.scale(loss) for loss in losses]:
                    scaled.backward(retain_graph=True)
                if how == "clipped":
                    scaler.unscale_(optimizer)
                    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
                scaler.step(optimizer)
                scaler.update()
        return Run(path)

    scaled, plain = train(tmp_path / "scaled", True), train(tmp_path / "plain", False)
    same_runs(scaled, plain)
    assert len(plain["grad_norm_applied"]) == 5
    assert (plain["grad_norm_applied"].max() < 0.0100001) == (how == "clipped")


def test_a_step_that_the_scaler_skips_ends_the_iteration(run_path: Path) -> None:
    model = make("lstm").double()
    optimizer = Adam(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    losses: list[float] = []
    with watch(model, optimizer, run_path, every=1):
        for i in range(6):
            optimizer.zero_grad()
            loss = model(batch()).square().mean() * (math.inf if i == 2 else 1)
            scaler.scale(loss).backward()
            losses.append(loss.item())
            scaler.step(optimizer)
            scaler.update()
    assert scaler.get_scale() == 512
    run = Run(run_path)
    check_series(run, {"loss": losses, "seq_len": [6.0] * 6})
    assert run.series("grad_norm").iterations.tolist() == list(range(6))
    assert not math.isfinite(run["grad_norm"][2])
    assert run.series("grad_norm_applied").iterations.tolist() == [0, 1, 3, 4, 5]
    assert run.profile("reach").iterations.tolist() == list(range(6))


@pytest.mark.parametrize("kind", ["lstm", "gru cell"])
def test_autocast(kind: str, run_path: Path) -> None:
    """The loss as it is, and the profile that ``probe`` gives under the same autocast."""
    torch.manual_seed(8)
    model, twin = make(kind), make(kind)
    optimizer = Adam(model.parameters(), lr=0.01)
    losses, found = [], []

    def loss_of(model: nn.Module, x: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = model(x)
        return outputs.float().square().mean()

    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            x = torch.randn(4, 6, 3)
            twin.load_state_dict(model.state_dict())
            found.append(probe(twin, lambda x=x: loss_of(twin, x)))
            optimizer.zero_grad()
            loss = loss_of(model, x)
            loss.backward()
            losses.append(loss.item())
            optimizer.step()
    run = Run(run_path)
    check_series(run, {"loss": losses})
    for i, profiles in enumerate(found):
        check_profiles(run, i, profiles, rtol=1e-6)


# -- 7. loops that are not so ordinary ------------------------------------------------------


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("how", ["a step each", "one step", "one backward"])
def test_windows_with_a_carried_state(how: str, kind: str, run_path: Path) -> None:
    """Truncated BPTT: a step a window, or one for all; and windows that stay connected."""
    torch.manual_seed(9)
    model, twin = make(kind).double(), make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.1)

    def detached(state: Any) -> Any:
        return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()

    def losses(net: nn.Module, windows: list[Tensor], state: Any) -> list[Any]:
        found = []
        for window in windows:
            found.append(net(window, state).square().mean())
            state = net.state if how == "one backward" else detached(net.state)
        return found

    expected: list[float] = []
    found: list[dict[str, GradientProfile]] = []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            windows, state = [batch(4, 5) for _ in range(3)], None
            for group in [[w] for w in windows] if how == "a step each" else [windows]:
                twin.load_state_dict(model.state_dict())
                measured = group[:1] if how == "one step" else group
                found.append(probe(twin, lambda g=measured, s=state: sum(losses(twin, g, s))))  # type: ignore[misc]
                optimizer.zero_grad()
                if how == "one step":
                    total = 0.0
                    for window in group:
                        loss = model(window, state).square().mean()
                        loss.backward()
                        state, total = detached(model.state), total + loss.item()
                    expected.append(total)
                else:
                    loss = sum(losses(model, group, state))
                    loss.backward()
                    state = detached(model.state)
                    expected.append(loss.item())
                optimizer.step()
    run = Run(run_path)
    check_series(run, {"loss": expected})
    for i, profiles in enumerate(found):
        assert len(profiles["rnn.l0"].reach) == (15 if how == "one backward" else 5)
        check_profiles(run, i, profiles)


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_two_passes_through_one_graph(kind: str, run_path: Path) -> None:
    """Losses add up; the first pass is the one sampled."""
    torch.manual_seed(10)
    model, twin = make(kind).double(), make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.1)
    expected: dict[str, list[float]] = defaultdict(list)
    found = []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(4):
            x = batch()
            twin.load_state_dict(model.state_dict())
            found.append(probe(twin, lambda x=x: twin(x).square().mean()))
            optimizer.zero_grad()
            outputs = model(x)
            one, other = outputs.square().mean(), outputs[:, -1].abs().mean()
            one.backward(retain_graph=True)
            other.backward()
            expected["loss"].append(one.item() + other.item())
            expected["grad_norm"].append(gradient(model))
            optimizer.step()
    run = Run(run_path)
    check_series(run, expected)
    for i, profiles in enumerate(found):
        check_profiles(run, i, profiles)


@pytest.mark.parametrize("none", [True, False])
@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_a_step_that_the_loop_skips_ends_the_iteration(
    kind: str, none: bool, run_path: Path
) -> None:
    """``if not torch.isfinite(loss): continue``: recorded, and apart from the next one."""
    model = make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.1)
    losses = []
    with watch(model, optimizer, run_path, every=1):
        for i in range(6):
            x = batch(4, 5 + i)
            optimizer.zero_grad(set_to_none=none)
            loss = model(x).square().mean() * (math.nan if i == 2 else 1)
            loss.backward()
            losses.append(loss.item())
            if not torch.isfinite(loss):
                continue
            optimizer.step()
    run = Run(run_path)
    check_series(run, {"loss": losses, "seq_len": [5.0, 6, 7, 8, 9, 10]})
    assert run.series("grad_norm_applied").iterations.tolist() == [0, 1, 3, 4, 5]
    assert run.profile("hidden_norm").iterations.tolist() == list(range(6))
    assert [len(row) for row in run.profile("reach").rows[3:]] == [8, 9, 10]


@pytest.mark.parametrize("kind", ["gru", "lstm cell", "own"])
@pytest.mark.parametrize("how", ["no_grad", "eval", "aside", "asides"])
def test_a_validation_leaves_no_mark(how: str, kind: str, tmp_path: Path) -> None:
    """Under ``no_grad``, in ``eval()`` without it, and in whatever ``aside`` encloses."""

    def train(path: Path, validate: bool) -> Run:
        torch.manual_seed(11)
        model = make(kind).double()
        optimizer = SGD(model.parameters(), lr=0.1)
        validation = batch(2, 9)
        with watch(model, optimizer, path, every=2) as monitor:
            for _ in range(6):
                x = batch()
                optimizer.zero_grad()
                model(x).square().mean().backward()
                optimizer.step()
                if not validate:
                    continue
                if how == "no_grad":
                    with torch.no_grad():
                        model(validation)
                elif how == "eval":
                    model.eval()
                    model(validation)
                    model.train()
                else:
                    with monitor.aside():
                        with monitor.aside() if how == "asides" else nullcontext():
                            buffers = copy.deepcopy(dict(model.named_buffers()))
                        model(validation).sum().backward()
                    for name, buffer in model.named_buffers():
                        buffer.copy_(buffers[name])
                if how != "eval":  # in training mode the norm's running means moved
                    continue
        return Run(path)

    if how == "no_grad" and kind == "gru":
        pytest.skip("the norm moves, in training mode")
    same_runs(train(tmp_path / "a", True), train(tmp_path / "b", False))


# -- 8. what the caller says ----------------------------------------------------------------


def test_what_is_logged_is_recorded(run_path: Path) -> None:
    """A loss that is told takes the seen one's place; numbers and tensors of one's own."""
    model = make("gru").double()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=2) as monitor:
        for i in range(5):
            optimizer.zero_grad()
            loss = model(batch()).square().mean()
            loss.backward()
            monitor.log(loss=10.0 + i if i % 2 else torch.tensor(10.0 + i), accuracy=i / 5)
            optimizer.step()
            monitor.log(epoch=torch.tensor(i), error=np.float32(i / 2))
    steps = list(map(float, range(5)))
    expected = {"loss": [10 + i for i in steps], "accuracy": [i / 5 for i in steps]}
    check_series(Run(run_path), {**expected, "epoch": steps, "error": [i / 2 for i in steps]})


def test_a_value_that_is_no_number_costs_only_itself(run_path: Path) -> None:
    model = make("gru").double()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=2) as monitor:
        for i in range(5):
            optimizer.zero_grad()
            model(batch()).square().mean().backward()
            optimizer.step()
            monitor.log(good=i, note="third" if i == 2 else i, other=None)  # type: ignore[arg-type]
    run = Run(run_path)
    for name in ("loss", "grad_norm", "lr", "good"):
        assert run.series(name).iterations.tolist() == list(range(5)), name


def test_a_learning_rate_in_a_tensor_is_the_one_that_was_used(run_path: Path) -> None:
    """A scheduler writes the next one into the same tensor."""
    model = make("gru").double()
    optimizer = Adam(model.parameters(), lr=torch.tensor(0.1))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with watch(model, optimizer, run_path):
        for _ in range(4):
            optimizer.zero_grad()
            model(batch()).square().mean().backward()
            optimizer.step()
            scheduler.step()
    check_series(Run(run_path), {"lr": [0.1, 0.05, 0.025, 0.0125]}, rtol=1e-6)


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
@pytest.mark.parametrize("how", ["gradient", "several", "both"])
def test_backward_on_more_than_a_scalar(how: str, kind: str, run_path: Path) -> None:
    """``L`` is what the roots and their gradients make together."""
    model, twin = make(kind).double(), make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.1)
    weights = torch.rand(4, dtype=torch.float64)
    losses, found = [], []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            x = batch()
            twin.load_state_dict(model.state_dict())

            def parts(net: nn.Module, x: Tensor = x) -> tuple[Any, Any]:
                outputs = net(x)
                return outputs.square().mean((1, 2)), outputs[:, 2].abs().mean()

            def whole(net: nn.Module) -> Any:
                each, extra = parts(net)
                total = (each * weights).sum() if how != "several" else each.mean()
                return total if how == "gradient" else total + extra

            found.append(probe(twin, lambda: whole(twin)))
            losses.append(whole(twin).item())
            optimizer.zero_grad()
            each, extra = parts(model)
            if how == "gradient":
                each.backward(gradient=weights)
            elif how == "several":
                torch.autograd.backward([each.mean(), extra])
            else:
                torch.autograd.backward((each, extra), grad_tensors=(weights, None))
            optimizer.step()
    run = Run(run_path)
    check_series(run, {"loss": losses})
    for i, profiles in enumerate(found):
        check_profiles(run, i, profiles)


# -- 12. when a sample is taken -------------------------------------------------------------


@pytest.mark.parametrize("budget", [0.002, 0.01, 0.1])
@pytest.mark.parametrize("cost", [0.01, 0.5, 3.0, 20.0, 1e4])
def test_samples_keep_to_their_budget(budget: float, cost: float) -> None:
    """Iterations of about a second: the share is kept, unless that were rarer than 1 in 1000."""
    random.seed(0)
    schedule = Schedule("auto", budget)
    sampled, spent, passed = [], [], 0.0
    for i in range(30_000):
        if schedule.due(i):
            sampled.append(i)
            spent.append(cost * (10 if not sampled[1:] else random.uniform(0.7, 1.3)))
            schedule.sampled(i, spent[-1])
        seconds = random.uniform(0.5, 1.5)
        schedule.passed(seconds)
        passed += seconds
    assert sampled[0] == 0
    gaps = np.diff([*sampled, 30_000])
    assert gaps.max() <= RARELY
    assert len(sampled) >= 30
    if cost <= budget * RARELY * 0.8:
        assert sum(spent[2:]) <= budget * passed + cost
        if cost >= 10 * budget:  # and it is used
            assert sum(spent[2:]) >= 0.9 * budget * passed - cost
    else:
        assert (gaps[2:-1] == RARELY).mean() > 0.9 or cost < budget * RARELY * 1.5


def test_auto_keeps_to_its_budget(
    run_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay that takes half a second, in iterations of a hundredth."""
    import backsight.monitor._layers as layers

    replay = layers.replay

    def slow(*args: Any, **named: Any) -> Any:
        clock.now += 0.5
        return replay(*args, **named)

    monkeypatch.setattr(layers, "replay", slow)
    model = nn.GRU(1, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, budget=0.2):
        for _ in range(2000):
            optimizer.zero_grad()
            model(torch.ones(2, 1, 1))[0].sum().backward()
            optimizer.step()
            clock.now += 0.01
    sampled = Run(run_path).profile("reach").iterations.tolist()
    assert sampled[:2] == [0, 5]
    assert set(np.diff(sampled[1:])) == {250}  # 0.5 / (0.2 · 0.01)


# -- 13. what makes no sense ----------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        *({"every": every} for every in (0, -1, "often", 2.5, True, None)),
        *({"budget": budget} for budget in (0, 2, -0.1, math.nan)),
        *({"sequences": count} for count in (0, -1, 1.5, "all")),
        {"inputs": "embedding"},
    ],
)
def test_a_setting_that_makes_no_sense(settings: dict[str, Any], run_path: Path) -> None:
    """Is said before a folder is made."""
    model = make("gru")
    with pytest.raises(SettingError):
        watch(model, SGD(model.parameters()), run_path, **settings)
    assert not run_path.exists()


def test_arguments_that_are_something_else(run_path: Path) -> None:
    model = make("gru")
    optimizer: Any = SGD(model.parameters())
    wrong: list[tuple[Any, Any]] = [
        (optimizer, model), (model, []), (model, None), (model, model),
        (model, model.parameters()), (model, [optimizer, 1]), (model, "adam"),
    ]  # fmt: skip
    for first, second in wrong:
        with pytest.raises(SettingError):
            watch(first, second, run_path)
    assert not run_path.exists()
    run_path.mkdir()
    with pytest.raises(RunError):
        watch(model, optimizer, run_path)
    assert not any(m._forward_hooks for m in model.modules())


def test_a_model_without_time_is_said_once(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path):
        for i in range(20):
            optimizer.zero_grad()
            model(torch.randn(4, 3)).square().mean().backward()
            optimizer.step()
            if i < 8:
                assert not caplog.text
    assert caplog.text.count("no recurrent layer found in Sequential") == 1
    assert "inputs=" in caplog.text
    assert len(Run(run_path)["loss"]) == 20


@pytest.mark.parametrize("kind", ["gru", "lstm", "gru cell", "own"])
def test_one_step_is_a_sequence(kind: str, run_path: Path) -> None:
    model, twin = make(kind).double(), make(kind).double()
    twin.load_state_dict(model.state_dict())
    optimizer = SGD(model.parameters(), lr=0.1)
    x = batch(4, 1)
    with watch(model, optimizer, run_path):
        model(x).square().mean().backward()
        optimizer.step()
    run = Run(run_path)
    assert len(run["loss"]) == 1
    profiles = probe(twin, lambda: twin(x).square().mean()) if kind != "own" else {}
    for name, profile in profiles.items():
        assert at(run, f"reach/{name}", 0).tolist() == [1.0]
        np.testing.assert_allclose(at(run, f"grad_time/{name}", 0), profile.grad_time, 1e-12)


@pytest.mark.parametrize("kind", ["lstm", "gru cell"])
def test_an_empty_batch_costs_only_itself(
    kind: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The loops of some allow it (a filter that left nothing)."""
    model = make(kind).double().eval()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        for i in range(4):
            optimizer.zero_grad()
            model(batch(0 if i == 1 else 4, 5)).square().sum().backward()
            optimizer.step()
    run = Run(run_path)
    assert len(run["loss"]) == 4
    assert {2, 3} <= set(run.profile("reach").iterations.tolist())
    assert {2, 3} <= set(run.profile("hidden_norm").iterations.tolist())
    assert not caplog.text


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru cell"])
def test_a_nan_is_recorded_as_one(kind: str, run_path: Path) -> None:
    model = make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.0)
    with watch(model, optimizer, run_path, every=1):
        for i in range(4):
            optimizer.zero_grad()
            x = batch()
            x[1, 3, 0] = math.nan if i == 2 else 0
            model.eval()
            model(x).square().mean().backward()
            optimizer.step()
    run = Run(run_path)
    layer = "cell" if kind in CELLS else "rnn.l0"
    for name in ("loss", "grad_norm", f"half_life/{layer}", f"growth_rate/{layer}"):
        assert np.isnan(run[name]).tolist() == [False, False, True, False], name
    for name in (f"reach/{layer}", f"grad_time/{layer}", f"hidden_norm/{layer}"):
        assert not np.isfinite(at(run, name, 2)).all(), name
        assert np.isfinite(at(run, name, 1)).all(), name


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_a_layer_that_the_loss_does_not_read(
    kind: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything but the gradient through time, of which there is none."""
    model: Any = make(kind).double()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            optimizer.zero_grad()
            model(batch())
            model.head.bias.square().sum().backward()
            optimizer.step()
    run = Run(run_path)
    assert len(run["loss"]) == len(run["grad_norm"]) == len(run["seq_len"]) == 3
    assert not any(name.startswith(("reach", "grad_time", "half_life")) for name in run.names)
    assert not caplog.text


def test_backward_is_never_called(run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = make("gru").double()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            model(batch())
            optimizer.step()
    run = Run(run_path)
    assert run.status == "finished"
    assert len(run["lr"]) == len(run["hidden_norm_mean"]) == 3
    assert "loss" not in run
    assert not caplog.text


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_a_model_that_stays_in_eval_mode(kind: str, run_path: Path) -> None:
    model, twin = make(kind).double().eval(), make(kind).double().eval()
    optimizer = SGD(model.parameters(), lr=0.1)
    found = []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            x = batch()
            twin.load_state_dict(model.state_dict())
            found.append(probe(twin, lambda x=x: twin(x).square().mean()))
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    run = Run(run_path)
    check_series(run, {"seq_len": [6.0] * 3})
    for i, profiles in enumerate(found):
        check_profiles(run, i, profiles)


# -- 16. the run ----------------------------------------------------------------------------


def test_the_run_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = make("gru")
    optimizer = SGD(model.parameters(), lr=0.1)
    for number in (1, 2):
        with watch(model, optimizer, config={"seed": 3}) as monitor:
            model(torch.randn(4, 6, 3)).square().mean().backward()
            optimizer.step()
            monitor.collect()
            assert read(monitor.run).status == "running"
        run = read(monitor.run)
        assert run.path == Path("runs") / f"fused-{number}"
        assert run.status == "finished"
        assert run.iterations == 1
        assert run.info["config"]["seed"] == 3
        assert run.info["config"]["every"] == "auto"
        (event,) = run.events("models")
        assert event.body["model"]["class"] == "Fused"
        assert event.body["model"]["parameters"] == sum(p.numel() for p in model.parameters())
        assert list(event.body["model"]["recurrent"]) == ["rnn"]


def test_only_the_first_process_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", "1")
    model = make("gru")
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(4, 6, 3)).square().mean().backward()
            monitor.log(loss=1.0)
            with monitor.aside():
                model(torch.randn(4, 6, 3))
            optimizer.step()
        assert monitor.run is None
    assert list(tmp_path.iterdir()) == []
