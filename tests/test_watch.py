"""``watch`` sees every kind of loop rightly: what it records, against the loop's own books."""

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from backsight import watch
from backsight.monitor._watch import Watching
from backsight.monitor.events._backward import Listener, listen
from backsight.probes import GradientProfile, probe
from backsight.signals import Run, Series
from tests.capability import skip_where_there_is_no_bf16_lstm
from tests.crossed import crossed

FUSED: dict[str, Callable[..., nn.RNNBase]] = {
    "tanh": nn.RNN,
    "relu": functools.partial(nn.RNN, nonlinearity="relu"),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "projected": functools.partial(nn.LSTM, proj_size=2),
}
CELLS: dict[str, Callable[..., nn.Module]] = {
    "rnn cell": nn.RNNCell,
    "gru cell": nn.GRUCell,
    "lstm cell": nn.LSTMCell,
    "by step": functools.partial(nn.GRU, batch_first=True),
    "masked": functools.partial(nn.GRU, batch_first=True),
}
STACKED = {"num_layers": 2, "dropout": 0.3, "bidirectional": True}
KINDS = (*FUSED, *CELLS, "own", "attention")

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")  # PyTorch's, of its own


class Fused(nn.Module):
    """A recurrent layer, a norm with buffers, a head."""

    def __init__(self, kind: str = "gru", out: int = 1, **options: Any) -> None:
        super().__init__()
        self.rnn = FUSED[kind](3, 4, batch_first=True, **options)
        features = (self.rnn.proj_size or 4) * (2 if self.rnn.bidirectional else 1)
        self.norm = nn.BatchNorm1d(features)
        self.head = nn.Linear(features, out)
        self.keeps, self.state = False, None

    def forward(self, x: Tensor, state: Any = None) -> Any:
        outputs, final = self.rnn(x, state)
        self.state = final if self.keeps else None
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
        self.ends = kind == "masked"

    def forward(self, x: Tensor, each: Callable[[Tensor], object] | None = None) -> Any:
        state: Any = x.new_zeros(len(x), 4)
        if isinstance(self.cell, nn.LSTMCell):
            state = state, state.clone()
        elif isinstance(self.cell, nn.GRU):
            state = state[None]
        states = []
        for t in range(x.shape[1]):
            if isinstance(self.cell, nn.GRU):
                outputs, state = self.cell(x[:, t : t + 1], state)
                states.append(outputs[:, 0])
                if self.ends and t == 2:  # of the second sequence
                    state = state * (torch.arange(len(x)) != 1)[:, None]
            else:
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


class Translator(nn.Module):
    """An encoder hands its state to a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.GRU(3, 4, batch_first=True)
        self.decoder = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor, y: Tensor) -> Any:
        return self.decoder(y, self.encoder(x)[1])[0]


def make(kind: str, **options: Any) -> nn.Module:
    if kind in FUSED:
        return Fused(kind, **options)
    other = {"attention": Attention, "translator": Translator}
    return other[kind]() if kind in other else Stepped(kind)


def batch(*shape: int) -> Tensor:
    """Float64, ``(4, 6, 3)`` by default."""
    return torch.randn(*shape or (4, 6), 3, dtype=torch.float64)


def square(model: nn.Module, *inputs: Any) -> Any:
    """The usual loss."""
    return model(*inputs).square().mean()


class Clock:
    """Time stands still until a test moves it."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("backsight.monitor._monitor.time", clock)
    return clock


class Loop:
    """What the tests' loops have in common: a model, its unwatched twin, and the books."""

    def __init__(self, kind: str, **options: Any) -> None:
        torch.manual_seed(1)
        self.kind = kind
        self.model, self.twin = (make(kind, **options).double() for _ in range(2))
        self.optimizer: Optimizer = SGD(self.model.parameters(), lr=0.1)
        self.books: dict[str, list[float]] = defaultdict(list)
        self.found: list[dict[str, GradientProfile]] = []

    def watch(self, path: Path, every: int = 1) -> Watching:
        return watch(self.model, self.optimizer, path, every=every, sequences=8)

    def probe(self, loss_of: Callable[..., Any], *inputs: Any) -> None:
        """Measure what a loss, with random numbers as they are now, does to the twin."""
        self.twin.load_state_dict(self.model.state_dict())
        before = torch.get_rng_state()

        def again() -> Any:
            torch.set_rng_state(before)
            return loss_of(self.twin, *inputs)

        self.found.append(probe(self.twin, again))

    def book(self, **numbers: float) -> None:
        for name, number in numbers.items():
            self.books[name].append(number)

    @property
    def gradient(self) -> float:
        """``‖∂L/∂θ‖`` now."""
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        return math.sqrt(sum(g.square().sum().item() for g in grads))

    def check(self, path: Path, rtol: float = 1e-10, calls: int = 1) -> Run:
        """The run says what the books say; a sample an entry."""
        run = Run(path)
        check_series(run, self.books)
        for i, profiles in enumerate(self.found):
            check_profiles(run, i, profiles, rtol, calls=calls)
        return run


def at(run: Run, name: str, iteration: int) -> Any:
    """The value or row of a signal at an iteration."""
    if run.is_profile(name):
        profile = run.profile(name)
        return profile.rows[profile.iterations.tolist().index(iteration)]
    series = run.series(name)
    return series.values[series.iterations.tolist().index(iteration)]


def check_series(run: Run, expected: Mapping[str, list[float]], rtol: float = 1e-12) -> None:
    """A number in every iteration, and in no other."""
    for name, values in expected.items():
        series = run.series(name)
        assert series.iterations.tolist() == list(range(len(values))), name
        np.testing.assert_allclose(series.values, values, rtol, err_msg=name)


def check_profiles(
    run: Run,
    iteration: int,
    profiles: Mapping[str, GradientProfile],
    rtol: float = 1e-10,
    *,
    calls: int = 1,
) -> None:
    """What was sampled is what ``probe`` says of the same batch and weights.

    Where a layer is called for several windows, its ``hidden_norm`` is the last one's.
    """
    assert profiles
    for name, profile in profiles.items():
        assert profile.half_life is not None
        assert profile.horizon is not None
        expected: dict[str, Any] = {
            "grad_time": profile.grad_time,
            "reach": profile.reach,
            "half_life": profile.half_life.steps,
            "horizon": profile.horizon.steps,
            "growth_rate": profile.growth_rate,
        }
        if calls == 1:
            expected["hidden_norm"] = profile.hidden_norm
        if profile.grad_time_cell is not None:
            expected["grad_time_cell"] = profile.grad_time_cell
        if profile.role == "block":
            expected = {"block_reach": profile.reach}
            name = name.removeprefix("block:")
        for family, value in expected.items():
            recorded = at(run, f"{family}/{name}", iteration)
            np.testing.assert_allclose(recorded, value, rtol, err_msg=f"{family} {iteration}")
        for gate, share in profile.saturation.items():
            assert at(run, f"saturation/{name}{'.' if gate else ''}{gate}", iteration) == share


def same_runs(one: Run, other: Run) -> None:
    """Two runs hold the same signals, iterations and numbers."""
    but = {"tokens_per_second"}
    assert set(one.names) - but == set(other.names) - but
    mine, others = (run.read(set(run.names) - but) for run in (one, other))
    for name, a in mine.items():
        b = others[name]
        np.testing.assert_array_equal(a.iterations, b.iterations, err_msg=name)
        x, y = (s.values if isinstance(s, Series) else s.table() for s in (a, b))
        np.testing.assert_allclose(x, y, 1e-12, 1e-300, err_msg=name)


# -- an ordinary loop -----------------------------------------------------------------------


@pytest.mark.some(2)
@crossed("kind,none", KINDS, [True, False], together=1)
def test_an_ordinary_loop(kind: str, none: bool, run_path: Path, clock: Clock) -> None:
    """Every number of every iteration, and the samples, against the loop's own arithmetic."""
    loop = Loop(kind, **STACKED)
    model = loop.model
    loop.optimizer = optimizer = Adam(model.parameters(), lr=0.01, betas=(0.8, 0.9))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    members: dict[str, float] = {}
    with loop.watch(run_path, every=3):
        for i in range(7):
            x = batch(4, 7 if i % 2 else 5)
            if i % 3 == 0:
                loop.probe(square, x)
            clock.now += 0.25
            optimizer.zero_grad(set_to_none=none)
            loss = square(model, x)
            loss.backward()
            loop.book(loss=loss.item(), grad_norm=loop.gradient)
            grads: dict[str, Any] = {n: p.grad for n, p in model.named_parameters()}
            each = {n: g.norm().item() for n, g in grads.items()}
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            loop.book(grad_norm_applied=loop.gradient, lr=0.01 * 0.9**i, momentum=0.8)
            old = {n: p.detach().clone() for n, p in model.named_parameters()}
            optimizer.step()
            scheduler.step()
            if kind in FUSED or kind in CELLS:
                loop.book(seq_len=x.shape[1], tokens_per_second=4 * x.shape[1] / 0.25)
            if i == 3:
                for n, p in model.named_parameters():
                    members[f"grad_norm/{n}"] = each[n]
                    members[f"weight_norm/{n}"] = p.norm().item()
                    members[f"update_ratio/{n}"] = ((p - old[n]).norm() / old[n].norm()).item()
                members |= spectra(model)
    run = Run(run_path)
    check_series(run, loop.books)
    for name, value in members.items():
        assert run.series(name).iterations.tolist() == [0, 3, 6], name
        np.testing.assert_allclose(at(run, name, 3), value, 1e-12, err_msg=name)
    for i, profiles in zip((0, 3, 6), loop.found, strict=True):
        check_profiles(run, i, profiles)
    sampled = [n for n in run.names if n.split("/")[0] in ("reach", "grad_time")]
    assert {n.partition("/")[2] for n in sampled} == set(loop.found[0])
    assert all(run.profile(n).iterations.tolist() == [0, 3, 6] for n in sampled)


def spectra(model: nn.Module) -> dict[str, float]:
    """NumPy's, of the part of ``W_hh`` that makes the new state or the candidate."""
    numbers = {}
    for name, weight in model.named_parameters():
        stem, _, last = name.rpartition(".")
        if last.startswith("weight_hh"):
            member = stem + last.removeprefix("weight_hh").replace("_", ".", 1)
            w = weight.detach().numpy()
            w = w[8:12] if len(w) > 4 else w
            numbers[f"sigma_max/{member}"] = np.linalg.svd(w)[1].max()
            if w.shape[0] == w.shape[1]:
                numbers[f"spectral_radius/{member}"] = abs(np.linalg.eigvals(w)).max()
    return numbers


# -- what an iteration is -------------------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["lstm", "by step", "gru cell", "own"])
def test_gradient_accumulation(kind: str, run_path: Path) -> None:
    """Four micro-batches are one iteration; the first of them is the one sampled."""
    loop = Loop(kind)

    def quarter(net: nn.Module, x: Tensor) -> Any:
        return square(net, x) / 4

    with loop.watch(run_path):
        for _ in range(4):
            loop.optimizer.zero_grad()
            total = 0.0
            for k in range(4):
                x = batch(4, 6 - k % 2) * (k + 1)
                if k == 0:
                    loop.probe(quarter, x)
                loss = quarter(loop.model, x)
                loss.backward()
                total += loss.item()
            loop.book(loss=total, grad_norm=loop.gradient)
            loop.optimizer.step()
    loop.check(run_path, calls=4)


def test_optimizers_that_step_one_after_the_other(run_path: Path) -> None:
    """Two steps, one iteration; the profiles of both halves."""
    loop = Loop("translator")
    model: Any = loop.model
    both = [Adam(model.encoder.parameters(), lr=0.01), SGD(model.decoder.parameters(), lr=0.1)]
    with watch(model, both, run_path, every=1, sequences=8):
        for _ in range(4):
            x, y = batch(4, 7), batch(4, 5)
            loop.probe(square, x, y)
            for optimizer in both:
                optimizer.zero_grad()
            loss = square(model, x, y)
            loss.backward()
            loop.book(loss=loss.item(), grad_norm=loop.gradient)
            nn.utils.clip_grad_norm_(model.encoder.parameters(), 1e-4)
            loop.book(grad_norm_applied=loop.gradient, **{"lr": 0.01, "lr/2": 0.1})
            for optimizer in both:
                optimizer.step()
    loop.check(run_path)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_game_of_two(frozen: bool, tmp_path: Path) -> None:
    """A monitor each, as in a GAN: neither takes the other's loss or step for its own.

    Where the judge is not frozen, the maker's loss leaves gradients in it, which are thrown away.
    """
    maker, judge = Loop("gru", out=3), Loop("lstm")
    with maker.watch(tmp_path / "maker", 2), judge.watch(tmp_path / "judge"):
        for _ in range(5):
            judge.optimizer.zero_grad()
            made = maker.model(batch())
            loss = judge.model(batch()).mean() - judge.model(made.detach()).mean()
            loss.backward()
            judge.book(loss=loss.item(), grad_norm=judge.gradient)
            judge.optimizer.step()
            judge.model.requires_grad_(not frozen)
            maker.optimizer.zero_grad()
            loss = judge.model(made).mean()
            loss.backward()
            maker.book(loss=loss.item(), grad_norm=maker.gradient)
            maker.optimizer.step()
            judge.model.requires_grad_(True)
    maker.check(tmp_path / "maker")
    judge.check(tmp_path / "judge")


def test_what_else_trains_does_not_disturb(tmp_path: Path) -> None:
    """A frozen target network of the same kind, and another model with its own optimizer."""

    def train(path: Path, others: bool) -> Run:
        loop, other = Loop("lstm"), Loop("gru cell")
        target = loop.twin.requires_grad_(False)
        optimizer = loop.optimizer

        def disturb(*, backward: bool = False, step: bool = False, clear: bool = False) -> None:
            if others and backward:
                square(other.model, x).backward()
            if others and step:
                other.optimizer.step()
            if others and clear:
                other.optimizer.zero_grad()

        with loop.watch(path, 2):
            for _ in range(6):
                x = batch()
                wanted = target(x)
                disturb(backward=True)
                loss = (loop.model(x) - wanted).square().mean()
                disturb(step=True, clear=True)
                optimizer.zero_grad()
                loss.backward()
                disturb(backward=True, step=True)
                optimizer.step()
                disturb(backward=True, clear=True)
        return Run(path)

    same_runs(train(tmp_path / "a", True), train(tmp_path / "b", False))


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["lstm", "gru cell"])
@pytest.mark.parametrize("which", ["LBFGS", "SGD"])
def test_a_closure(which: str, kind: str, run_path: Path) -> None:
    """One iteration a step: what the closure gives first, which is what ``step`` returns."""
    loop = Loop(kind)
    if which == "LBFGS":
        loop.optimizer = torch.optim.LBFGS(loop.model.parameters(), lr=0.1, max_iter=5)
    with loop.watch(run_path):
        for _ in range(4):
            x = batch()
            norms: list[float] = []
            loop.probe(square, x)

            def closure(x: Tensor = x, norms: list[float] = norms) -> Any:
                loop.optimizer.zero_grad()
                loss = square(loop.model, x)
                loss.backward()
                norms.append(loop.gradient)
                return loss

            returned: Any = loop.optimizer.step(closure)
            assert len(norms) > 1 if which == "LBFGS" else len(norms) == 1
            loop.book(loss=returned.item(), grad_norm=norms[0], seq_len=6)
    loop.check(run_path)


# -- mixed precision ------------------------------------------------------------------------


@pytest.mark.some(2)
@crossed(
    "how,kind",
    ["plain", "clipped", "fused", "twice"],
    ["lstm", "gru cell", "attention"],
    together=1,
)
def test_a_scaled_loss_is_recorded_unscaled(how: str, kind: str, tmp_path: Path) -> None:
    """Everything is as without the scaler, also where two losses are scaled at a time."""

    def train(path: Path, enabled: bool) -> Run:
        loop = Loop(kind)
        loop.optimizer = Adam(loop.model.parameters(), lr=0.01, fused=how == "fused")
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2, enabled=enabled)
        with loop.watch(path):
            for _ in range(5):
                loop.optimizer.zero_grad()
                outputs = loop.model(batch())
                losses = [outputs.square().mean()]
                if how == "twice":
                    losses.append(outputs.abs().mean())
                for scaled in [scaler.scale(loss) for loss in losses]:
                    scaled.backward(retain_graph=True)
                if how == "clipped":
                    scaler.unscale_(loop.optimizer)
                    nn.utils.clip_grad_norm_(loop.model.parameters(), 0.01)
                scaler.step(loop.optimizer)
                scaler.update()
        return Run(path)

    scaled, plain = train(tmp_path / "scaled", True), train(tmp_path / "plain", False)
    same_runs(scaled, plain)
    assert len(plain["grad_norm_applied"]) == 5
    assert (plain["grad_norm_applied"].max() < 0.0100001) == (how == "clipped")


def test_a_step_that_the_scaler_skips_ends_the_iteration(run_path: Path) -> None:
    """A gradient that is not finite, found by the scaler."""
    loop = Loop("lstm")
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with loop.watch(run_path):
        for i in range(6):
            loop.optimizer.zero_grad()
            loss = square(loop.model, batch(4, 5 + i)) * (math.inf if i == 2 else 1)
            scaler.scale(loss).backward()
            loop.book(loss=loss.item(), seq_len=5 + i)
            scaler.step(loop.optimizer)
            scaler.update()
    assert scaler.get_scale() == 512
    run = loop.check(run_path)
    assert np.isfinite(run["grad_norm"]).tolist() == [True, True, False, True, True, True]
    assert run.series("grad_norm_applied").iterations.tolist() == [0, 1, 3, 4, 5]
    assert [len(row) for row in run.profile("reach").rows] == [5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("kind", ["lstm", "gru cell"])
def test_autocast(kind: str, run_path: Path) -> None:
    """The loss as it is, and the profile that ``probe`` gives under the same autocast."""
    skip_where_there_is_no_bf16_lstm(kind)
    loop = Loop(kind)
    for net in (loop.model, loop.twin):
        net.float()

    def loss_of(net: nn.Module, x: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = net(x)
        return outputs.float().square().mean()

    with loop.watch(run_path):
        for _ in range(3):
            x = batch().float()
            loop.probe(loss_of, x)
            loop.optimizer.zero_grad()
            loss = loss_of(loop.model, x)
            loss.backward()
            loop.book(loss=loss.item())
            loop.optimizer.step()
    loop.check(run_path, rtol=1e-6)


# -- loops that are not so ordinary ---------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("how", ["a step each", "one step", "one backward"])
def test_windows_with_a_carried_state(how: str, kind: str, run_path: Path) -> None:
    """Truncated BPTT: a step a window, or one for all; and windows that stay connected."""
    loop = Loop(kind)
    model: Any = loop.model
    twin: Any = loop.twin
    model.keeps = twin.keeps = True

    def detached(state: Any) -> Any:
        return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()

    def loss_of(net: Any, windows: list[Tensor], state: Any) -> Any:
        """Of connected windows."""
        total = 0.0
        for window in windows:
            total = total + square(net, window, state)
            state = net.state
        return total

    with loop.watch(run_path):
        for _ in range(3):
            windows, state = [batch(4, 5) for _ in range(3)], None
            together = [windows] if how == "one backward" else [[w] for w in windows]
            total = 0.0
            for i, group in enumerate(together):
                if i == 0 or how == "a step each":
                    loop.optimizer.zero_grad()
                    loop.probe(loss_of, group, state)
                loss = loss_of(model, group, state)
                loss.backward()
                state, total = detached(model.state), total + loss.item()
                if group is together[-1] or how == "a step each":
                    loop.optimizer.step()
                    loop.book(loss=total)
                    total = 0.0
    run = loop.check(run_path, calls=1 if how == "a step each" else 3)
    assert set(run.profile("reach").widths) == {15 if how == "one backward" else 5}


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_two_passes_through_one_graph(kind: str, run_path: Path) -> None:
    """Losses add up; the first pass is the one sampled."""
    loop = Loop(kind)
    with loop.watch(run_path):
        for _ in range(4):
            x = batch()
            loop.probe(square, x)
            loop.optimizer.zero_grad()
            outputs = loop.model(x)
            one, other = outputs.square().mean(), outputs[:, -1].abs().mean()
            one.backward(retain_graph=True)
            other.backward()
            loop.book(loss=one.item() + other.item(), grad_norm=loop.gradient)
            loop.optimizer.step()
    loop.check(run_path)


@pytest.mark.some(2)
@pytest.mark.parametrize("none", [True, False])
@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_a_step_that_the_loop_skips_ends_the_iteration(
    kind: str, none: bool, run_path: Path
) -> None:
    """``if not torch.isfinite(loss): continue``: recorded, and apart from the next one."""
    loop = Loop(kind)
    with loop.watch(run_path):
        for i in range(6):
            loop.optimizer.zero_grad(set_to_none=none)
            loss = square(loop.model, batch(4, 5 + i)) * (math.nan if i == 2 else 1)
            loss.backward()
            loop.book(loss=loss.item(), seq_len=5 + i)
            if torch.isfinite(loss):
                loop.optimizer.step()
    run = loop.check(run_path)
    assert run.series("grad_norm_applied").iterations.tolist() == [0, 1, 3, 4, 5]
    for name in ("hidden_norm", "reach"):
        assert [len(row) for row in run.profile(name).rows] == [5, 6, 7, 8, 9, 10], name


@pytest.mark.some(2)
@crossed(
    "how,kind", ["no_grad", "eval", "paused", "nested"], ["gru", "lstm cell", "own"], together=1
)
def test_a_validation_leaves_no_mark(how: str, kind: str, tmp_path: Path) -> None:
    """Under ``no_grad``, in ``eval()`` without it, and in whatever ``paused`` encloses."""

    def train(path: Path, validating: bool) -> Run:
        loop = Loop(kind)
        model, validation = loop.model, batch(2, 9)

        def validate() -> None:
            if how == "no_grad":
                with torch.no_grad():
                    model(validation)
            elif how == "eval":
                model.eval()
                model(validation)
                model.train()
            else:
                with monitor.paused():
                    with monitor.paused() if how == "nested" else nullcontext():
                        model(validation)
                    square(model, validation).backward()

        with loop.watch(path, 2) as monitor:
            for _ in range(6):
                x = batch()
                loop.optimizer.zero_grad()
                square(model, x).backward()
                loop.optimizer.step()
                if validating:
                    validate()
        return Run(path)

    same_runs(train(tmp_path / "a", True), train(tmp_path / "b", False))


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["gru", "gru cell"])
@pytest.mark.parametrize("how", ["gradient", "several", "both"])
def test_backward_on_more_than_a_scalar(how: str, kind: str, run_path: Path) -> None:
    """``L`` is what the roots and their gradients make together."""
    loop = Loop(kind)
    weights = torch.rand(4, dtype=torch.float64)

    def parts(net: nn.Module, x: Tensor) -> tuple[Any, Any]:
        outputs = net(x)
        return outputs.square().mean((1, 2)), outputs[:, 2].abs().mean()

    def whole(net: nn.Module, x: Tensor) -> Any:
        each, extra = parts(net, x)
        total = each.mean() if how == "several" else (each * weights).sum()
        return total if how == "gradient" else total + extra

    with loop.watch(run_path):
        for _ in range(3):
            x = batch()
            loop.probe(whole, x)
            loop.book(loss=whole(loop.twin, x).item())
            loop.optimizer.zero_grad()
            each, extra = parts(loop.model, x)
            if how == "gradient":
                each.backward(gradient=weights)
            elif how == "several":
                torch.autograd.backward([each.mean(), extra])
            else:
                torch.autograd.backward((each, extra), grad_tensors=(weights, None))
            loop.optimizer.step()
    loop.check(run_path)


# -- what the caller says -------------------------------------------------------------------


@pytest.mark.some(3)
@pytest.mark.parametrize("host", [True, False])
@pytest.mark.parametrize("how", ["floats", "tensors", "now and then"])
def test_what_is_logged_is_recorded(
    how: str, host: bool, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that is told takes the seen one's place; numbers and tensors of one's own.

    Also where the seen one has to wait on its device.
    """
    monkeypatch.setattr("backsight.probes._precision.on_host", lambda _: host)
    loop = Loop("gru")
    with loop.watch(run_path, 2) as monitor:
        for i in range(5):
            loop.optimizer.zero_grad()
            loss = square(loop.model, batch())
            loss.backward()
            if how == "now and then" and i % 2:
                loop.book(loss=loss.item())  # the seen one
            else:
                monitor.log(loss=torch.tensor(10.0 + i) if how == "tensors" else 10.0 + i)
                loop.book(loss=10.0 + i)
            loop.optimizer.step()
            error: Any = np.float32(i / 2)
            monitor.log(epoch=torch.tensor(i), error=error)
            loop.book(epoch=i, error=i / 2)
    loop.check(run_path)


def test_a_value_that_is_no_number_costs_only_itself(run_path: Path) -> None:
    """Neither the loss, nor what is right in the same call."""
    loop = Loop("gru")
    with loop.watch(run_path) as monitor:
        for i in range(5):
            loop.optimizer.zero_grad()
            loss = square(loop.model, batch())
            loss.backward()
            loop.optimizer.step()
            monitor.log(good=i, note="third" if i == 2 else i, other=None)  # type: ignore[arg-type]
            loop.book(loss=loss.item(), grad_norm=loop.gradient, lr=0.1, good=i)
    loop.check(run_path)


def test_a_learning_rate_in_a_tensor_is_the_one_that_was_used(run_path: Path) -> None:
    """A scheduler writes the next one into the same tensor."""
    loop = Loop("gru")
    loop.optimizer = Adam(loop.model.parameters(), lr=torch.tensor(0.5))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(loop.optimizer, 0.5)
    with loop.watch(run_path):
        for i in range(4):
            loop.optimizer.zero_grad()
            square(loop.model, batch()).backward()
            loop.optimizer.step()
            scheduler.step()
            loop.book(lr=0.5 ** (i + 1))
    loop.check(run_path)


def test_a_cell_that_is_the_model_has_a_name(run_path: Path) -> None:
    cell = nn.GRUCell(3, 4)
    optimizer = SGD(cell.parameters(), lr=0.1)
    with watch(cell, optimizer, run_path, every=1):
        h = torch.zeros(2, 4)
        for _ in range(5):
            h = cell(torch.randn(2, 3), h)
        h.square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    run = Run(run_path)
    assert len(run["reach/model"][0]) == 5
    assert "sigma_max/model" in run
    assert not [name for name in run if name.endswith("/")]


def test_a_lazy_model_can_be_watched(run_path: Path) -> None:
    """Its parameters have no size until it has run."""
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1))
    with watch(model, SGD(list(model[1].parameters()), lr=0.1), run_path):
        model(torch.randn(2, 5)).mean().backward()
    (event,) = Run(run_path).events("models")
    assert event.body["model"]["parameters"] == 4


def test_other_threads_may_train_while_a_monitor_is_made(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A backward pass elsewhere, in the moment in which the detector begins to listen."""

    def listened(listener: Listener) -> Callable[[], None]:
        leave = listen(listener)
        listener.backward_begins((torch.ones(()),), (None,), None)
        return leave

    monkeypatch.setattr("backsight.monitor.events._iteration_detector.listen", listened)
    model = nn.GRU(3, 4)
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path):
        for _ in range(3):
            model(batch(5, 2).float())[0].square().mean().backward()
            optimizer.step()
    assert Run(run_path)["loss"].size == 3
    assert not [r for r in caplog.records if "switched off" in r.message]
