"""How fast gated linear recurrences forget: by their gates, and by autograd in float64."""

import logging
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import backsight
from backsight import probe
from backsight.layers import DECAYS, DecayAdapter, Decays, decay_adapter_of, decays
from backsight.layers.decays import _mamba
from backsight.nn import build_cell
from backsight.report import half_life_sentences, summary
from backsight.report.figures import FIGURES
from backsight.signals import Recorder, Run, StateHalfLives, half_life_words
from tests import decaying
from tests.decaying import BOUNDS, FAMILIES, Twin

EXACT = 1e-12
STEPS, BATCH = 12, 3
EVERY = {**FAMILIES, **BOUNDS}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def double(twin: Twin) -> Twin:
    """With complex parameters in double precision, too."""
    for parameter in twin.parameters():
        wide = torch.complex128 if parameter.is_complex() else torch.float64
        parameter.data = parameter.data.to(wide)
    return twin


def shown(twin: Twin, x: Tensor, *more: Any) -> Decays:
    """What the gates of one call come to."""
    adapter = decay_adapter_of(twin)
    assert adapter is not None
    told: list[Any] = []
    handle = adapter.shown_by(twin).register_forward_hook(
        lambda _, args, result: told.append((args, result))
    )
    twin(x, *more)
    handle.remove()
    ((args, result),) = told
    return adapter.decays(twin, args, {}, result)


def kept(twin: Twin, since: int) -> Tensor:
    """``∂h_T / ∂h_s`` by autograd, of one state that stands for all of a channel's: ``(B, C, …)``.

    The transition is diagonal: the gradient of the sum is the diagonal itself.
    """
    last, before = twin.states[-1], twin.states[since]
    whole = last.sum() if not last.is_complex() else last.real.sum()
    (found,) = torch.autograd.grad(whole, before, retain_graph=True)
    return found.abs()


def product(logs: Tensor, since: int, like: Tensor) -> Tensor:
    """``Π a_t`` in the shape of the states."""
    each = logs.expand(STEPS, -1)[since + 1 :] if logs.dim() == 1 else logs[:, since + 1 :]
    whole = each.sum(-2).exp()
    whole = whole.expand(BATCH, -1) if whole.dim() == 1 else whole
    return whole.reshape(*whole.shape, *[1] * (like.dim() - 2)).expand_as(like)


def test_every_family_has_a_twin() -> None:
    """The lab's layers are their own."""
    assert {kind.kind for kind in DECAYS} == {"scan", *EVERY.values()}


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_gates_are_what_autograd_finds(kind: type[Twin]) -> None:
    twin, x = double(kind()), rand(BATCH, STEPS, 6)
    logs = shown(twin, x).each()
    assert logs.shape[-1] == twin.channels
    for since in (0, 5, STEPS - 2):
        by_autograd = kept(twin, since)
        by_autograd = by_autograd.flatten(1) if twin.channels > 6 else by_autograd
        expected = product(logs, since, by_autograd)
        torch.testing.assert_close(by_autograd, expected, rtol=EXACT, atol=0)


@pytest.mark.parametrize("kind", BOUNDS)
def test_without_what_is_written_over_an_upper_bound_is_exact(kind: type[Twin]) -> None:
    twin, x = double(kind()), rand(BATCH, STEPS, 6)
    twin.writes = False  # type: ignore[assignment]
    logs = shown(twin, x).each()
    for since in (0, STEPS - 2):
        by_autograd = kept(twin, since)
        expected = product(logs, since, by_autograd)
        torch.testing.assert_close(by_autograd, expected, rtol=EXACT, atol=0)


@pytest.mark.parametrize("kind", [decaying.Delta, decaying.GroupedDelta])
def test_the_delta_rule_forgets_at_least_as_fast(kind: type[Twin]) -> None:
    """In norm, by head, whatever is asked of the last state."""
    twin, x = double(kind()), rand(BATCH, STEPS, 6)
    logs, faster = shown(twin, x).each(), 0
    for since in range(STEPS - 1):
        last, asked = twin.states[-1], rand(BATCH, twin.channels, 2, 2)
        (found,) = torch.autograd.grad(last, twin.states[since], asked, retain_graph=True)
        most = logs[:, since + 1 :].sum(1).exp() * asked.flatten(2).norm(dim=-1)
        norms = found.flatten(2).norm(dim=-1)
        assert bool((norms <= most * (1 + EXACT)).all())
        faster += int((norms < 0.9 * most).sum())
    assert faster > STEPS


@pytest.mark.parametrize("kind", EVERY)
def test_a_probe_tells_the_half_lives(kind: type[Twin]) -> None:
    """Of the forward that it runs, with what the layer is and whether it is a bound."""
    twin, x = double(kind()), rand(BATCH, STEPS, 6)
    whole = nn.ModuleDict({"embed": nn.Linear(6, 6).double(), "mixer": twin})
    profiles = probe(whole, lambda: whole["mixer"](whole["embed"](x)).square().mean())
    profile = profiles["mixer"]
    lives = profile.state_half_lives
    assert lives is not None
    assert profile.role == "gates"
    assert profile.reason == ""
    assert (lives.kind, lives.bound, lives.window) == (EVERY[kind], kind in BOUNDS, STEPS)
    logs = shown(twin, whole["embed"](x)).each().detach()
    mean = logs if logs.dim() == 1 else logs.flatten(0, 1).mean(0)
    np.testing.assert_allclose(lives.steps, (-math.log(2) / mean).numpy(), rtol=EXACT)
    assert profile.summary == lives.words
    assert ("upper bound" in lives.words) == lives.bound
    assert "input:embed" in profiles  # the reach is measured as before


@pytest.mark.parametrize("cell", ["mingru", "minlstm", "lru"])
def test_the_lab_s_layers_tell_theirs_beside_their_reach(cell: str) -> None:
    rnn, x = build_cell(cell, 3, 4, layers=2).double(), rand(BATCH, STEPS, 3)
    profiles = probe(rnn, lambda: rnn(x)[0][:, -1].square().sum())
    below = x
    for name, layer in rnn.named_children():
        a = layer.recurrence(below)[0].detach().abs()  # type: ignore[operator]
        lives = profiles[name].state_half_lives
        assert lives is not None
        assert profiles[name].reach.size == STEPS
        mean = a.log().reshape(-1, a.shape[-1]).mean(0)
        np.testing.assert_allclose(lives.steps, (-math.log(2) / mean).numpy(), rtol=EXACT)
        below = layer(below).detach()
        below = nn.functional.gelu(below) if cell == "lru" else below


def test_the_weights_inside_an_adapter_s_wrapper_are_read() -> None:
    """As LoRA puts one around a projection."""

    class Wrapper(nn.Module):
        def __init__(self, base_layer: nn.Module) -> None:
            super().__init__()
            self.base_layer = base_layer

        def forward(self, x: Tensor) -> Tensor:
            return 1.5 * self.base_layer(x)  # type: ignore[no-any-return]

    twin, x = cast(decaying.Mamba, double(decaying.Mamba())), rand(BATCH, STEPS, 6)
    twin.x_proj = Wrapper(twin.x_proj)  # type: ignore[assignment]
    logs = shown(twin, x).each()
    by_autograd = kept(twin, 0).flatten(1)
    torch.testing.assert_close(by_autograd, product(logs, 0, by_autograd), rtol=EXACT, atol=0)


@pytest.mark.parametrize("kind", [decaying.Mamba, decaying.MinGRU, "lru", "mingru", "minlstm"])
def test_under_autocast_the_half_lives_are_as_exact_as_the_gates(kind: Any) -> None:
    layer = build_cell(kind, 6, 6) if isinstance(kind, str) else kind()
    model, x = nn.Sequential(nn.Linear(6, 6), layer), torch.randn(BATCH, STEPS, 6)

    def loss() -> Tensor:
        states = model(x)
        first: Tensor = states[0] if isinstance(states, tuple) else states
        return first.float().mean()

    def narrow() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return loss()

    name = "1.l0" if isinstance(kind, str) else "1"
    both = [probe(model, one)[name].state_half_lives for one in (loss, narrow)]
    assert both[0] is not None
    assert both[1] is not None
    np.testing.assert_allclose(both[1].steps, both[0].steps, rtol=0.02)


# -- what is no gated recurrence ----------------------------------------------------------------


def lookalikes() -> list[nn.Module]:
    """Modules that have these names, of something else."""

    def having(**held: Any) -> nn.Module:
        module = nn.Module()
        for name, value in held.items():
            setattr(module, name, value)
        return module

    one, vector = nn.Linear(6, 6), nn.Parameter(torch.zeros(6))
    return [
        having(to_hidden_and_gate=nn.Linear(6, 12)),
        having(to_hidden_and_gate=nn.Linear(6, 11), to_out=one),
        having(to_hidden_and_f_i_gate=nn.Linear(6, 11), to_out=one),
        having(to_hidden_and_gate=lambda x: x, to_out=one),
        having(A_log=vector, x_proj=one, dt_proj=one),
        having(A_log=nn.Parameter(torch.zeros(6, 3)), x_proj=one, dt_proj=nn.Linear(2, 6)),
        having(A_log=vector, dt_bias=vector, in_proj=one, out_proj=one),
        having(A_log=vector, dt_bias=vector, a_proj=nn.Linear(6, 5)),
        having(A_log=vector, dt_bias=vector, in_proj_ba=nn.Linear(6, 12)),  # of how many groups?
        having(time_decay=vector, time_first=vector),
        having(time_decay=vector, time_first=nn.Parameter(torch.zeros(5)), key=one, value=one,
               receptance=one),
        having(recurrent_param=vector, recurrent_gate_weight=nn.Parameter(torch.zeros(2, 2, 3)),
               recurrent_gate_bias=nn.Parameter(torch.zeros(2, 3))),
        having(nu_log=vector, theta_log=nn.Parameter(torch.zeros(5))),
        having(nu_log=torch.zeros(6), theta_log=torch.zeros(6)),
        having(seq=having(Lambda=vector, log_step=vector, discretize=decaying.discretize_zoh)),
        having(seq=having(Lambda=nn.Parameter(torch.zeros(6, dtype=torch.complex64)),
                          log_step=vector, discretize=len)),
        having(k_k=vector, k_a=vector, r_k=vector, w_lora=one),
        having(bonus=nn.Parameter(torch.zeros(2, 3)), w_proj=one),
    ]  # fmt: skip


def test_names_alone_make_no_recurrence() -> None:
    assert [decay_adapter_of(one) for one in lookalikes()] == [None] * len(lookalikes())
    assert decay_adapter_of(nn.LSTM(3, 4)) is None
    liquid = decaying.S5()
    liquid.seq.__dict__["liquid"] = True
    assert decay_adapter_of(liquid) is None


def test_a_module_is_not_asked_for_what_it_computes() -> None:
    class Trap(nn.Module):
        """Whose attributes do something."""

        @property
        def A_log(self) -> Tensor:  # noqa: N802
            raise AssertionError("it was asked")

        def __eq__(self, other: object) -> bool:
            raise AssertionError("it was compared")

        __hash__ = None  # type: ignore[assignment]

    assert decay_adapter_of(Trap()) is None
    hollow = nn.Linear.__new__(nn.Linear)  # its class never called super().__init__()
    assert decay_adapter_of(hollow) is None


def test_a_family_that_fails_to_recognise_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(DecayAdapter):
        kind = "broken"

        def recognises(self, module: nn.Module) -> bool:
            raise RuntimeError("out of order")

    monkeypatch.setattr(decays, "DECAYS", (Broken, *DECAYS))
    monkeypatch.setattr(decays, "_off", set())
    with caplog.at_level(logging.WARNING, "backsight"):
        kinds = [decay_adapter_of(decaying.LRU()) for _ in range(3)]
    assert [one.kind for one in kinds if one is not None] == ["LRU"] * 3
    assert caplog.text.count("broken failed to recognise") == 1


# -- in a run -----------------------------------------------------------------------------------


class Model(nn.Module):
    """An embedding, some layers and a head."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 6)
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        for layer in self.layers:
            h = torch.tanh(h + layer(h))
        return self.head(h)[:, -1]  # type: ignore[no-any-return]


def train(path: Path | None, model: nn.Module, count: int = 3, **settings: Any) -> list[bytes]:
    """What the weights and the random numbers are afterwards."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = backsight.watch(model, optimizer, path, every=1, **settings) if path else None
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(BATCH, STEPS, 6)).square().mean().backward()
        optimizer.step()
    if monitor:
        monitor.close()
    return [t.detach().numpy().tobytes() for t in (*model.parameters(), torch.get_rng_state())]


def rows_of(run: Run, name: str) -> NDArray[np.float64]:
    """``(samples, width)``."""
    return np.stack(run.profile(name).rows)


@pytest.mark.parametrize(
    "kinds",
    [
        (decaying.Mamba, decaying.S5, decaying.Delta),
        pytest.param(tuple(EVERY), marks=pytest.mark.long),
    ],
)
def test_a_run_records_the_half_lives_and_is_left_as_it_is(
    kinds: tuple[type[Twin], ...], tmp_path: Path
) -> None:
    def make() -> Model:
        torch.manual_seed(0)
        return Model(*(kind() for kind in kinds))

    assert train(tmp_path / "run", make(), 2) == train(None, make(), 2)
    run = Run(tmp_path / "run")
    for number, kind in enumerate(kinds):
        name = "state_half_life_bound" if kind in BOUNDS else "state_half_life"
        rows = rows_of(run, f"{name}/layers.{number}")
        assert len(rows) == 2
        assert not np.isnan(rows).any()
        assert (np.diff(rows, axis=1) >= 0).all() or np.isinf(rows).any()
        assert rows_of(run, f"state_beyond_steps/layers.{number}")[-1].tolist() == [64, 512, 12]
        beyond = rows_of(run, f"state_beyond/layers.{number}")[-1]
        assert beyond[2] == pytest.approx((rows[-1] > 12).mean(), abs=0.5 / 21 + 1 / 6)
        other = {"state_half_life", "state_half_life_bound"} - {name}
        assert not {f"{one}/layers.{number}" for one in other} & set(run.names)


def test_the_recorded_half_lives_are_those_of_the_forward_that_ran(tmp_path: Path) -> None:
    model = Model(decaying.MinGRU())
    torch.manual_seed(1)
    x = torch.randn(BATCH, STEPS, 6)
    logs = shown(model.layers[0], model.embed(x)).each()  # type: ignore[arg-type]
    train(tmp_path / "run", model, count=1)
    mean = logs.detach().flatten(0, 1).mean(0).numpy()
    expected = StateHalfLives.of(mean, STEPS).quantiles
    found = rows_of(Run(tmp_path / "run"), "state_half_life/layers.0")[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_nothing_is_run_that_the_script_does_not_run(tmp_path: Path) -> None:
    """No layer, and no part of one, is called more often than without being observed."""

    def calls(path: Path | None) -> list[str]:
        counted: list[str] = []
        torch.manual_seed(0)
        model = Model(*(kind() for kind in EVERY))
        for name, module in model.named_modules():

            def forward(*args: Any, _own: Any = module.forward, _name: str = name) -> Any:
                counted.append(_name)
                return _own(*args)

            module.forward = forward
        train(path, model, count=1)
        return sorted(counted)

    assert calls(tmp_path / "run") == calls(None)


def test_a_fault_costs_the_layer_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Decays:
        raise RuntimeError("the gates have moved")

    monkeypatch.setattr(_mamba.Mamba, "decays", broken)
    with caplog.at_level(logging.WARNING, "backsight"):
        train(tmp_path / "run", Model(decaying.Mamba(), decaying.LRU()))
    run = Run(tmp_path / "run")
    assert run.members("state_half_life", profile=True) == ("state_half_life/layers.1",)
    assert rows_of(run, "state_half_life/layers.1").shape == (3, 21)
    assert caplog.text.count("the gates have moved") == 1
    twin = decaying.Mamba()
    profile = probe(Model(twin), lambda: Model(twin)(torch.randn(2, 5, 6)).mean())["layers.0"]
    assert "its gates could not be read: the gates have moved" in profile.summary


def test_gates_that_a_kernel_keeps_to_itself_are_said_to_be_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Fused(decaying.MinGRU):
        """Takes the weight, and does not call the layer."""

        def forward(self, x: Tensor) -> Tensor:
            hidden, gate = (x @ self.to_hidden_and_gate.weight.T).chunk(2, -1)
            return self.run(1 - gate.sigmoid(), hidden)

    with caplog.at_level(logging.WARNING, "backsight"):
        train(tmp_path / "run", Model(Fused()))
    run = Run(tmp_path / "run")
    assert not run.members("state_half_life", profile=True)
    assert caplog.text.count("layers.0: the half-lives of its state are not known") == 1
    assert any("shows no gates" in line for line in run.events("inputs")[-1].body["untold"])


def test_what_is_run_again_under_checkpointing_counts_once(tmp_path: Path) -> None:
    class Checkpointed(Model):
        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x)
            for layer in self.layers:
                h = torch.tanh(h + checkpoint(layer, h, use_reentrant=False))
            return self.head(h)[:, -1]  # type: ignore[no-any-return]

    rows = []
    for kind in (Model, Checkpointed):
        torch.manual_seed(0)
        model = kind(decaying.MinGRU())
        train(tmp_path / kind.__name__, model, count=1)
        run = Run(tmp_path / kind.__name__)
        rows.append(rows_of(run, "state_half_life/layers.0"))
        assert rows_of(run, "state_beyond_steps/layers.0")[-1, 2] == STEPS
        x = torch.randn(2, 5, 6)
        profile = probe(model, lambda model=model, x=x: model(x).mean())["layers.0"]  # type: ignore[misc]
        assert profile.state_half_lives is not None
        assert profile.state_half_lives.window == 5
    assert rows[0].tobytes() == rows[1].tobytes()


def test_a_validation_between_two_steps_does_not_count(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, seen = Model(decaying.MinGRU()), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    x, other = torch.randn(BATCH, STEPS, 6), torch.randn(BATCH, 3 * STEPS, 6)
    with backsight.watch(model, optimizer, tmp_path / "run", every=1) as monitor:
        for validates in (False, True, True):
            if validates:
                model.eval()
                with torch.no_grad():
                    model(other)
                model.train()
            model(x).square().mean().backward()
            optimizer.step()
            seen.append(monitor.iteration)
    run = Run(tmp_path / "run")
    rows = rows_of(run, "state_half_life/layers.0")
    assert len(rows) == 3
    assert len({row.tobytes() for row in rows}) == 1
    assert rows_of(run, "state_beyond_steps/layers.0")[:, 2].tolist() == [STEPS] * 3


def test_calls_of_one_step_are_a_loop_over_time(tmp_path: Path) -> None:
    class Stepwise(Model):
        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x)
            for layer in self.layers:
                h = torch.cat([layer(h[:, t : t + 1]) for t in range(h.shape[1])], 1)
            return self.head(h)[:, -1]  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model = Stepwise(decaying.MinGRU())
    torch.manual_seed(1)
    x = torch.randn(BATCH, STEPS, 6)
    logs = shown(model.layers[0], model.embed(x)).mean().detach().numpy()  # type: ignore[arg-type]
    train(tmp_path / "run", model, count=1)
    run = Run(tmp_path / "run")
    assert rows_of(run, "state_beyond_steps/layers.0")[-1, 2] == STEPS
    expected = StateHalfLives.of(logs, STEPS).quantiles
    np.testing.assert_allclose(rows_of(run, "state_half_life/layers.0")[-1], expected, rtol=1e-5)


@pytest.mark.long
def test_compiled_layers_are_left_alone(tmp_path: Path) -> None:
    """Nothing of theirs is seen, and nothing fails."""
    model = Model(decaying.LRU(), decaying.MinGRU())
    compiled = torch.compile(model, backend="eager")
    train(tmp_path / "run", compiled)  # type: ignore[arg-type]
    assert not Run(tmp_path / "run").members("state_half_life", profile=True)


# -- numbers at the edge ------------------------------------------------------------------------


def test_gates_at_one_and_at_zero_are_told_as_such() -> None:
    twin = decaying.MinGRU()
    with torch.no_grad():
        twin.to_hidden_and_gate.weight.zero_()
        twin.to_hidden_and_gate.weight[6:9, 0] = -1e4  # of these units, z is 0
        twin.to_hidden_and_gate.weight[9:, 0] = torch.inf  # and of these, 1
    x = torch.ones(BATCH, STEPS, 6)
    lives = StateHalfLives.of(shown(twin, x).mean().detach().numpy(), STEPS)
    assert lives.steps.tolist() == [math.inf] * 3 + [0] * 3
    assert lives.outcome == "ok"
    assert lives.quantiles[[0, 10, 11, 20]].tolist() == [0, 0, math.inf, math.inf]
    assert lives.beyond.tolist() == [0.5] * 3


def test_a_scan_that_keeps_nothing_has_a_half_life_of_zero() -> None:
    (layer,) = build_cell("mingru", 3, 4).children()
    with torch.no_grad():
        bias = cast(Tensor, layer.bias_ih)
        bias[:2], bias[2:4] = 1e4, -1e4
    rnn = nn.ModuleDict({"layer": layer})
    profile = probe(rnn, lambda: layer(torch.randn(2, 9, 3)).sum())["layer"]
    lives = profile.state_half_lives
    assert lives is not None
    assert lives.steps.tolist() == [0, 0, math.inf, math.inf]
    assert lives.words == (
        "by half-life, half of the channels forget at once, 5 % at once, and 5 % never forget; "
        "50 % keep beyond 64 steps, 50 % beyond 512, and 50 % beyond the window of 9"
    )


def test_one_nan_is_not_dropped() -> None:
    lives = StateHalfLives.of(np.array([-0.1] * 99 + [np.nan]), 10)
    assert lives.outcome == "not finite"
    assert np.isnan(lives.quantile(0.5))
    assert np.isnan(lives.beyond).all()
    assert half_life_words(np.zeros(3), lives.far, lives.beyond) == (
        "how fast the channels forget was not measured"
    )


def test_a_quantile_is_one_channel_s_own() -> None:
    """Between a finite and an infinite half-life there is no number."""
    lives = StateHalfLives.of(np.array([-math.log(2), 0.0]), 10)
    assert lives.quantile(0.5) == pytest.approx(1)
    assert lives.quantile(0.51) == math.inf
    assert lives.quantiles[0] == pytest.approx(1)
    assert lives.quantiles[-1] == math.inf
    assert lives.beyond.tolist() == [0.5] * 3
    none = StateHalfLives.of(np.zeros(0), 10)
    assert none.outcome == "not enough data"
    assert np.isnan(none.quantile(0.5))


# -- in the report ------------------------------------------------------------------------------


def recorded(path: Path, layers: dict[str, StateHalfLives]) -> Run:
    with Recorder(path) as recorder:
        for at in range(2):
            for name, lives in layers.items():
                kind = "state_half_life_bound" if lives.bound else "state_half_life"
                recorder.profile(f"{kind}/{name}", at, lives.quantiles)
                recorder.profile(f"state_beyond/{name}", at, lives.beyond)
                recorder.profile(f"state_beyond_steps/{name}", at, lives.far)
    return Run(path)


def lives_of(*steps: float, window: int = 48, bound: bool = False) -> StateHalfLives:
    return StateHalfLives(np.array(steps, np.float64), window, bound)


def test_of_many_layers_the_report_tells_of_the_two_at_the_ends(tmp_path: Path) -> None:
    layers = {f"l{n}": lives_of(*np.full(20, 2.0 + n)) for n in (3, 0, 4, 2)}
    broken = lives_of(3.0, math.nan)
    run = recorded(tmp_path / "run", {**layers, "broken": broken})
    assert half_life_sentences(run) == [
        "l0: by half-life, half of the channels forget within 2 steps (iteration 1).",
        "l4: by half-life, half of the channels forget within 6 steps (iteration 1).",
        "broken: how fast the channels forget is not finite (iteration 1).",
    ]
    assert set(half_life_sentences(run)) <= set(summary(run))
    few = recorded(tmp_path / "few", {"b": lives_of(2.0, bound=True), "a": lives_of(5.0)})
    sentences = half_life_sentences(few)
    assert [one.partition(":")[0] for one in sentences] == ["a", "b"]
    assert "upper bound" not in sentences[0]
    assert "upper bound" in sentences[1]


def test_the_figure_has_a_row_for_each_layer_and_marks_what_it_cannot_draw(tmp_path: Path) -> None:
    layers = {
        "known": lives_of(*np.geomspace(1, 100, 100)),
        "edges": lives_of(*[0.0] * 40, *[3.0] * 20, *[math.inf] * 40),
        "broken": lives_of(math.nan),
        "bound": lives_of(7.0, bound=True),
    }
    (entry,) = [one for one in FIGURES if one.key == "half-lives"]
    run = recorded(tmp_path / "run", layers)
    drawn = entry.draw(run)
    assert "upper bound" in entry.reading_of(run)
    exact = recorded(tmp_path / "exact", {"known": layers["known"]})
    assert "upper bound" not in entry.reading_of(exact)
    assert list(drawn.layout.yaxis.ticktext) == ["broken", "edges", "known", "bound (upper bound)"]
    traces = {trace.name: trace for trace in drawn.data}
    medians = traces["median, last"]
    assert list(medians.y) == [1, 2, 3]
    np.testing.assert_allclose(medians.x, [3, layers["known"].quantile(0.5), 7])
    line = traces["5 to 95 % of the channels, last"]
    assert list(line.x[3:5]) == [layers["known"].quantile(q) for q in (0.05, 0.95)]
    assert "median, first" in traces
    assert list(traces["window, 48 steps"].x) == [48, 48]
    places = {name: list(traces[name].y) for name in ("forget at once", "never forget")}
    assert places == {"forget at once": [1], "never forget": [1]}
    assert list(traces["not finite"].y) == [0]
    assert traces["never forget"].x[0] > 100
    assert 0 < traces["forget at once"].x[0] < 1
