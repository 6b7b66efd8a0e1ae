"""The registry of kinds of layers, and the readers that it sends them to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight import Guard, LayerAdapter, register_layer, watch
from backsight.errors import SettingError
from backsight.guard import Orthogonality
from backsight.lab import MemoryAdding
from backsight.layers import LayerWeights, adapter_of, registered_layers
from backsight.layers._registry import _registered
from backsight.nn import build_cell, initialise
from backsight.nn.cells._lru import RADII, LRULayer
from backsight.nn.cells._mingru import MinGRULayer
from backsight.nn.cells._minlstm import MinLSTMLayer
from backsight.probes import (
    Readers,
    ReaderSettings,
    Readings,
    SteppedReader,
    probe,
    register_reader,
)
from backsight.probes.fused import _calls, _replay
from backsight.probes.stepped import _reader as stepped_reader
from backsight.signals import Run
from tests.test_probe_calls import Ran, compare, rand, total


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Kinds that a test registers are its own."""
    torch.manual_seed(0)
    before = dict(_registered)
    yield
    _registered.clear()
    _registered.update(before)


class Leaky(nn.Module):
    """``h' = h/2 + tanh(A x + B h)``, of no class of PyTorch's."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(hidden, inputs))
        self.b = nn.Parameter(torch.randn(hidden, hidden) / hidden)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """One step."""
        return h / 2 + torch.tanh(x @ self.a.T + h @ self.b.T)


class LeakyCells(LayerAdapter):
    """Its kind."""

    kind, reading, module_type = "leaky", "stepped", Leaky

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself."""
        assert isinstance(module, Leaky)
        return (LayerWeights("", module.a, module.b, "b", ()),)


class Loop(nn.Module):
    """A loop over a cell."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, xs: Tensor) -> Tensor:
        """``(T, B, 3)`` to ``(T, B, 4)``."""
        h, states = xs.new_zeros(xs.shape[1], 4), []
        for x in xs:
            h = self.cell(x, h)
            states.append(h)
        return torch.stack(states)


# -- the registry ----------------------------------------------------------------------------


def kind_of(module: nn.Module) -> str | None:
    adapter = adapter_of(module)
    return None if adapter is None else adapter.kind


class Normed(nn.LSTM):
    """A user's own kind of PyTorch's layer."""


class NormedLayers(LayerAdapter):
    """Its kind."""

    kind, reading, module_type = "normed", "fused", Normed


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.RNN(3, 4), "nn.RNN"),
        (nn.RNN(3, 4, nonlinearity="relu"), "nn.RNN"),
        (nn.GRU(3, 4), "nn.GRU"),
        (nn.LSTM(3, 4), "nn.LSTM"),
        (nn.RNNBase("GRU", 3, 4), "nn.GRU"),
        (nn.RNNCell(3, 4), "nn.RNNCell"),
        (nn.RNNCellBase(3, 4, True, 2), "nn.RNNCell"),
        (nn.GRUCell(3, 4), "nn.GRUCell"),
        (nn.LSTMCell(3, 4), "nn.LSTMCell"),
        (Normed(3, 4), "nn.LSTM"),
        (nn.utils.parametrizations.weight_norm(nn.LSTM(3, 4), "weight_hh_l0"), "nn.LSTM"),
        (MinGRULayer(3, 4), "minGRU layer"),
        (MinLSTMLayer(3, 4), "minLSTM layer"),
        (LRULayer(3, 4), "LRU layer"),
        (build_cell("mingru", 3, 4), None),
        (Leaky(3, 4), None),
        (nn.Linear(3, 4), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else value,
)
def test_a_module_is_of_the_kind_of_its_class(module: nn.Module, kind: str | None) -> None:
    assert kind_of(module) == kind


def test_the_most_specific_kind_has_a_module() -> None:
    register_layer(NormedLayers())
    assert kind_of(Normed(3, 4)) == "normed"
    assert kind_of(nn.LSTM(3, 4)) == "nn.LSTM"


def test_of_equal_kinds_the_last_has_it() -> None:
    class Other(LeakyCells):
        kind = "other"

    for adapter in (LeakyCells(), Other()):
        register_layer(adapter)
    assert kind_of(Leaky(3, 4)) == "other"


def test_a_kind_is_registered_once_but_may_be_defined_again() -> None:
    class Other(LeakyCells):
        pass

    register_layer(LeakyCells())
    register_layer(LeakyCells())  # a notebook's cell that runs again
    assert len([a for a in registered_layers() if a.kind == "leaky"]) == 1
    with pytest.raises(SettingError, match=r"'leaky' is already registered by tests\.test_layers"):
        register_layer(Other())


def test_an_adapter_says_what_it_is() -> None:
    class Nameless(LayerAdapter):
        reading, module_type = "stepped", Leaky

    with pytest.raises(SettingError, match="Nameless has no kind"):
        register_layer(Nameless())
    with pytest.raises(SettingError, match="has the gates a, b, but also names c"):
        type("Wrong", (LayerAdapter,), {"gates": ("a", "b"), "candidate": "c"})


def test_a_reading_that_nobody_reads_is_told() -> None:
    class Unread(LeakyCells):
        kind, reading = "unread", "by heart"

    register_layer(Unread())
    with pytest.raises(
        SettingError, match="'unread' has the reading 'by heart', for which no reader"
    ):
        Readers().adopt("cell", Leaky(3, 4))


def test_a_reading_has_one_reader() -> None:
    with pytest.raises(SettingError, match="'fused' is already registered by FusedReader"):
        register_reader("fused", SteppedReader)


def test_a_weight_that_is_computed_is_not_computed_again() -> None:
    """A spectral norm's power iteration goes on with every look at the weight."""
    module = nn.GRU(3, 4)
    nn.utils.parametrizations.spectral_norm(module, "weight_hh_l0")
    module(torch.randn(5, 2, 3))
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    adapter = adapter_of(module)
    assert adapter is not None
    (matrix,) = adapter.recurrent_matrices(module)
    assert matrix.weights.shape == (4, 4)
    assert before
    assert all(torch.equal(buffer, before[name]) for name, buffer in module.named_buffers())


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        (LeakyCells, r"expects an object, but LeakyCells is a class: write LeakyCells\(\)"),
        (
            type("Named", (LeakyCells,), {"module_type": "Leaky"})(),
            "must be a subclass of nn.Module",
        ),
    ],
)
def test_what_would_fail_at_every_module_is_not_registered(adapter: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        register_layer(adapter)
    assert adapter_of(nn.Linear(3, 4)) is None


def test_a_kind_that_is_registered_again_is_the_last() -> None:
    class Other(LeakyCells):
        kind = "other"

    for adapter in (LeakyCells(), Other(), LeakyCells()):
        register_layer(adapter)
    assert kind_of(Leaky(3, 4)) == "leaky"


def test_a_kind_that_fails_to_recognise_is_switched_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(LeakyCells):
        kind = "broken"

        def recognises(self, module: nn.Module) -> bool:
            """Of every module, it asks for what only some have."""
            return bool(module.hidden_size > 3)  # type: ignore[operator]

    register_layer(Broken())
    model = Loop(nn.RNNCell(3, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, tmp_path / "run", every=1) as monitor:
        model(rand(6, 3, 3).float()).square().sum().backward()
        optimizer.step()
    assert monitor.run is not None
    assert "reach/cell" in monitor.run
    assert caplog.text.count("the layer kind broken failed to recognise a Loop and is") == 1


def test_a_watch_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    """No hook, and a run that has ended: it can be begun again elsewhere."""

    class Unread(LeakyCells):
        kind, reading = "unread", "by heart"

    register_layer(Unread())
    model = nn.Sequential(nn.GRU(3, 4), Leaky(3, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    backward = torch.autograd.backward
    with pytest.raises(SettingError, match="by heart"):
        watch(model, optimizer, tmp_path / "run")
    assert torch.autograd.backward is backward
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert Run(tmp_path / "run").status == "failed"


class Greedy(nn.Module):
    """A decoder's step: takes a token and a state, gives both."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.read = nn.Embedding(4, 4), nn.Parameter(torch.randn(4, 4) / 2)

    def forward(self, token: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        h = torch.tanh(self.embed(token) + h @ self.read)
        return h.argmax(-1), h


@pytest.mark.parametrize("registered", [False, True])
def test_a_step_that_hands_on_indices_as_well_is_measured(registered: bool) -> None:
    class GreedyCells(LayerAdapter):
        kind, reading, module_type = "greedy", "stepped", Greedy

    if registered:
        register_layer(GreedyCells())
    model = nn.ModuleDict({"step": Greedy()})

    def compute_loss() -> Tensor:
        token, h = torch.zeros(3, dtype=torch.long), torch.ones(3, 4)
        for _ in range(5):
            token, h = model["step"](token, h)
        return h.square().sum()

    (profile,) = probe(model, compute_loss).values()
    assert profile.reach.shape == (5,)
    assert np.isfinite(profile.reach).all()


# -- a kind of one's own ---------------------------------------------------------------------


def test_a_kind_of_one_s_own_is_measured_and_guarded(tmp_path: Path) -> None:
    register_layer(LeakyCells())
    model, xs = Loop(Leaky(3, 4).double()), rand(6, 3, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    guard = Guard(model, optimizer, Orthogonality(weight=0.1))
    with watch(model, optimizer, tmp_path / "run", every=1, guard=guard) as monitor:
        for _ in range(2):
            optimizer.zero_grad()
            model(xs).square().sum().backward()
            optimizer.step()
    guard.close()
    run = monitor.run
    assert run is not None
    assert [row.shape for row in run.profile("reach/cell").rows] == [(6,), (6,)]
    assert np.isfinite(run["spectral_radius/cell"]).all()
    assert run["act_before/orthogonality"].size == 2
    assert set(run.events("models")[0].body["model"]["recurrent"]) == {"cell"}


def test_without_a_kind_a_loop_is_measured_once_its_state_is_seen_to_go_on() -> None:
    model, xs = Loop(Leaky(3, 4).double()), rand(6, 3, 3)
    (before,) = probe(model, lambda: model(xs)[-1].square().sum()).values()
    register_layer(LeakyCells())
    (after,) = probe(model, lambda: model(xs)[-1].square().sum()).values()
    np.testing.assert_array_equal(before.reach, after.reach)


# -- a layer that cannot be read -------------------------------------------------------------


class Several(nn.Module):
    """Two fused layers and two loops, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.GRU(3, 4), nn.LSTM(3, 4)
        self.c, self.d = Loop(nn.GRUCell(3, 4)), Loop(nn.RNNCell(3, 4))

    def forward(self, xs: Tensor) -> Tensor:
        """``(T, B, 3)`` to a loss."""
        parts = [self.a(xs)[0], self.b(xs)[0], self.c(xs), self.d(xs)]
        return torch.stack([part.square().sum() for part in parts]).sum()


NAMES = {"a": "a.l0", "b": "b.l0", "c.cell": "c.cell", "d.cell": "d.cell"}
"""Of layers, by path."""


def one_pass(model: Several, readers: Readers) -> Readings:
    """What the readers tell of one sampled iteration."""
    handles = []
    for path, module in model.named_modules():
        reader = readers.adopt(path, module)
        if reader is None:
            continue

        def before(module: nn.Module, args: Any, kwargs: Any, path: str = path) -> None:
            readers.before(path, module, args, kwargs)

        def after(module: nn.Module, args: Any, kwargs: Any, result: Any, path: str = path) -> None:
            readers.called(path, module, args, kwargs, result)

        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    readers.begin(True)
    loss = model(torch.randn(5, 2, 3))
    found = readers.graph_whole([loss], [None])
    torch.autograd.backward(loss)
    found.add(readers.backward_ended())
    readers.forget()
    for handle in handles:
        handle.remove()
    return found


def fail_in(path: str, how: str, patch: pytest.MonkeyPatch) -> None:
    """Have the reading of the layer at that path fail."""
    places: dict[str, tuple[Any, str, Any]] = {
        "replay": (_replay, "_walk_chain", lambda number, chain, *_: chain[0].path),
        "gradient hook": (_calls._Watched, "_arrived", lambda watched, *_: watched._path),
        "graph": (stepped_reader, "profiles_of_steps", lambda stack, *_: next(iter(stack))),
    }
    module, name, whose = places[how]
    real: Any = getattr(module, name)

    def failing(*args: Any) -> Any:
        if whose(*args) == path:
            raise RuntimeError(f"cannot read {path}")
        return real(*args)

    patch.setattr(module, name, failing)


@pytest.mark.parametrize(
    ("path", "how"),
    [("a", "replay"), ("b", "replay"), ("a", "gradient hook"), ("c.cell", "graph"),
     ("d.cell", "graph")],
)  # fmt: skip
def test_an_error_in_one_layer_costs_that_layer_alone(
    path: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    model, readers = Several(), Readers(ReaderSettings())
    whole = one_pass(model, readers)
    assert not whole.errors
    assert set(whole.profiles) == set(NAMES.values())
    fail_in(path, how, monkeypatch)
    found = one_pass(model, readers)
    assert {name: str(error) for name, error in found.errors.items()} == {
        path: f"cannot read {path}"
    }
    assert set(found.profiles) == set(NAMES.values()) - {NAMES[path]}
    readers.ignore(path)
    after = one_pass(model, readers)
    assert not after.errors
    assert set(after.profiles) == set(NAMES.values()) - {NAMES[path]}


def test_what_is_random_stays_where_it_was_though_a_reading_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = nn.GRU(3, 4, num_layers=2, dropout=0.5)

    def failing(*_: Any) -> None:
        raise RuntimeError("no mask")

    ends = []
    for fails in (False, True):
        torch.manual_seed(0)
        readers = Readers()
        readers.adopt("rnn", module)
        readers.begin(True)
        xs = torch.ones(5, 2, 3)
        readers.before("rnn", module, (xs,), {})
        result = module(xs)
        readers.called("rnn", module, (xs,), {}, result)
        loss = result[0].sum()
        readers.graph_whole([loss], [None])
        torch.autograd.backward(loss)
        if fails:
            monkeypatch.setattr(torch, "dropout", failing)
        assert bool(readers.backward_ended().errors) == fails
        ends.append(torch.get_rng_state())
    assert torch.equal(*ends)


# -- a fused layer beside a loop -------------------------------------------------------------


class Encoder(nn.Module):
    """A fused layer reads, a cell writes."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.read, self.write = nn.GRU(3, 4), step

    def forward(self, xs: Tensor) -> Tensor:
        """``(T, B, 3)`` to a loss."""
        ys, h = self.read(xs)
        state = h if isinstance(self.write, nn.GRU) else h[0]
        y = ys[-1]
        for _ in range(4):
            if isinstance(self.write, nn.GRU):
                out, state = self.write(y[None], state)
                y = out[0]
            else:
                y = state = self.write(y, state)
        total: Tensor = y.square().sum()
        return total


@pytest.mark.parametrize("step", ["cell", "layer"])
def test_a_loop_beside_a_fused_layer_is_measured_in_every_sample(step: str, tmp_path: Path) -> None:
    """As it is in the first one, and as ``probe`` measures it."""
    model = Encoder(nn.GRUCell(4, 4) if step == "cell" else nn.GRU(4, 4)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    xs = rand(5, 2, 3)
    with watch(model, optimizer, tmp_path / "run", every=1, sequences=2) as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            model(xs).backward()
            optimizer.step()
    run = monitor.run
    assert run is not None
    profiles = probe(model, lambda: model(xs))
    for name, profile in profiles.items():
        recorded = run.profile(f"reach/{name}")
        assert recorded.iterations.tolist() == [0, 1, 2]
        for row in recorded.rows:
            np.testing.assert_allclose(row, profile.reach, 1e-12)


# -- names that are none ----------------------------------------------------------------------


def test_a_cell_or_an_initialisation_that_is_none_is_told_with_those_that_are() -> None:
    for action in (
        lambda: build_cell("elman", 3, 4),
        lambda: MemoryAdding(cell="elman"),
    ):
        with pytest.raises(SettingError, match=r"one of rnn, rnn-relu, .*mingru"):
            action()
    settings: dict[str, Any] = {"init": "zeros"}
    with pytest.raises(SettingError, match=r"one of default, orthogonal, .* not zeros"):
        MemoryAdding(**settings)


# -- linear recurrences of the lab -----------------------------------------------------------


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def next_state(layer: nn.Module, x: Tensor, h: Tensor) -> Tensor:
    """Of one sequence, by the paper's formula: ``x`` ``(3,)``, ``h`` ``(4,)``."""
    if isinstance(layer, MinGRULayer):
        z, g = layer.weight_ih.view(2, 4, -1) @ x + layer.bias_ih.view(2, 4)
        return torch.lerp(h, g, sigmoid(z))
    if isinstance(layer, MinLSTMLayer):
        i, f, g = layer.weight_ih.view(3, 4, -1) @ x + layer.bias_ih.view(3, 4)
        i, f = sigmoid(i), sigmoid(f)
        return torch.add(f / (f + i) * h, i / (f + i) * g)
    assert isinstance(layer, LRULayer)
    size, angle = torch.exp(-torch.exp(layer.nu_log)), torch.exp(layer.theta_log)
    added = torch.exp(layer.gamma_log).repeat_interleave(2) * (layer.weight_ih @ x)
    parts = []
    for n in range(2):  # of a complex unit, by its two parts
        re, im = h[2 * n], h[2 * n + 1]
        cos, sin = size[n] * torch.cos(angle[n]), size[n] * torch.sin(angle[n])
        parts += [cos * re - sin * im + added[2 * n], sin * re + cos * im + added[2 * n + 1]]
    return torch.stack(parts)


def by_formula(module: nn.Module, xs: Tensor) -> list[list[Tensor]]:
    """Every state of one sequence ``(T, 3)`` by layer."""
    below, found = list(xs), []
    for number, layer in enumerate(module.children()):
        h, states = xs.new_zeros(4), []
        if number and isinstance(layer, LRULayer):
            below = [0.5 * x * (1 + torch.erf(x / 2**0.5)) for x in below]
        for x in below:
            h = next_state(layer, x, h)
            states.append(h)
        found.append(states)
        below = states
    return found


@pytest.mark.parametrize(("cell", "layers"), [("mingru", 2), ("minlstm", 1), ("lru", 2)])
def test_a_linear_recurrence_is_what_its_formula_says_and_so_is_its_reach(
    cell: str, layers: int
) -> None:
    module, xs = build_cell(cell, 3, 4, layers).double(), rand(3, 8, 3)
    states = [by_formula(module, xs[b]) for b in range(3)]
    output, last = module(xs)
    for b, own in enumerate(states):
        torch.testing.assert_close(output[b], torch.stack(own[-1]), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(last[:, b], torch.stack([layer[-1] for layer in own]))

    def compute_loss() -> Tensor:
        output, _ = module(xs)
        return total("ragged", [(list(output[b]), ()) for b in range(3)])

    profiles = probe(nn.ModuleDict({"rnn": module}), compute_loss)
    names = [f"rnn.l{number}" for number in range(layers)]
    rans = [
        Ran(dict(zip(names, own, strict=True)), {name: [] for name in names}, own[-1],
            [[t] for t in range(8)])
        for own in states
    ]  # fmt: skip
    compare(profiles, rans, "ragged")


@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_after_chrono_it_remembers_as_long_as_it_is_told(cell: str) -> None:
    module = build_cell(cell, 3, 2000)
    initialise(module, "chrono", t_max=300)
    (layer,) = module.children()
    assert isinstance(layer, (MinGRULayer, MinLSTMLayer))
    kept, _ = layer.recurrence(torch.zeros(1, 1, 3))
    times = 1 / (1 - kept.detach())  # a unit forgets a share of it in a step
    assert 2 <= float(times.min()) < 5
    assert 295 < float(times.max()) <= 300.1


def test_a_min_lstm_whose_gates_are_both_shut_still_has_a_state() -> None:
    (layer,) = build_cell("minlstm", 3, 4).children()
    assert isinstance(layer, MinLSTMLayer)
    with torch.no_grad():
        layer.bias_ih[:8] = -200  # in float32, either sigmoid is 0
    states = layer(torch.zeros(2, 5, 3), torch.ones(2, 4))
    assert torch.isfinite(states).all()
    kept, _ = layer.recurrence(torch.zeros(2, 5, 3))
    torch.testing.assert_close(kept, torch.full((2, 5, 4), 0.5))


def test_an_lru_begins_on_its_ring_and_as_loud_as_its_input() -> None:
    torch.manual_seed(0)
    layer = LRULayer(64, 2000)
    decay, added = (x.detach() for x in layer.recurrence(torch.randn(50, 1, 64)))
    sizes = decay[0].abs()
    assert RADII[0] <= float(sizes.min()) < 0.901 < 0.998 < float(sizes.max()) <= RADII[1]
    # Uniform on the ring: half of its area lies within the root of the mean square of its radii.
    half = (sum(radius**2 for radius in RADII) / 2) ** 0.5
    assert abs(float((sizes < half).double().mean()) - 0.5) < 0.05
    # The sum of the squares of |λ|^k, times exp(γ)², is 1: at rest a state is as large as W x,
    # a complex number whose two parts have the variance 1/2.
    loud = added.abs().pow(2).mean(0)[0] / (1 - sizes**2)
    assert abs(float(loud.mean()) - 1) < 0.05


def test_an_lru_needs_an_even_number_of_units() -> None:
    with pytest.raises(SettingError, match="use an even number, not 5"):
        LRULayer(3, 5)
