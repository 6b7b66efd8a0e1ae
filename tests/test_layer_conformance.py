"""Every registered kind of layer, and every cell of the lab, keeps what its registration says.

The cases come from the registries, so that a new kind or cell is tested as soon as it is there. A
kind named ``nn.X`` is ``torch.nn.X``; every other one is looked for in the lab's cells.
"""

import ast
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import backsight
from backsight import Guard, watch
from backsight.errors import SettingError
from backsight.guard import Omega
from backsight.guard._recurrent import recurrent_blocks
from backsight.lab import MemoryAdding
from backsight.layers import LayerAdapter, LayerWeights, adapter_of, registered_layers
from backsight.nn import (
    CELLS,
    INIT_NEEDS,
    Cell,
    Init,
    ManyModels,
    SequenceModel,
    build_cell,
    initialise,
)
from backsight.signals import Run
from tests.reference import unroll
from tests.test_probe import feed
from tests.test_probe_calls import Ran, loss_of, mean, measure, total, windows

HIDDEN = 4
SOURCE = Path(backsight.__file__).parent

for _cell in CELLS:
    build_cell(_cell, 3, HIDDEN)  # its file registers its kind

FUSED_OPTIONS: list[dict[str, Any]] = [
    {}, {"num_layers": 2}, {"bias": False}, {"batch_first": True}, {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.5}, {"nonlinearity": "relu"},
    {"proj_size": 2, "num_layers": 2},
]  # fmt: skip
STEPPED_OPTIONS: list[dict[str, Any]] = [{}, {"bias": False}, {"nonlinearity": "relu"}]
"""Each is a case of the kinds that take it."""


@dataclass(frozen=True)
class Case:
    """A module, and a form to call it in."""

    name: str
    make: Callable[[], nn.Module] = field(compare=False)
    form: str = "batch first"

    def __str__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """Of every registered kind and cell."""
    found = []
    for adapter in registered_layers():
        if not adapter.kind.startswith("nn."):
            continue
        kind: Any = getattr(nn, adapter.kind.removeprefix("nn."))
        fused = adapter.reading == "fused"
        for options in FUSED_OPTIONS if fused else STEPPED_OPTIONS:
            try:
                kind(3, HIDDEN, **options)
            except (TypeError, ValueError):
                continue
            words = " ".join(f"{name}={value}" for name, value in options.items())

            def make(kind: Any = kind, options: Any = options) -> nn.Module:
                return alive(kind(3, HIDDEN, **options))

            forms = ["batch first" if options.get("batch_first") or not fused else "time first"]
            if fused and options.get("num_layers") == 2 and "dropout" not in options:
                forms += ["packed unsorted"]
            found += [Case(f"{adapter.kind} {words} {form}", make, form) for form in forms]
    for cell, layers in itertools.product(CELLS, (1, 2)):

        def build(cell: Cell = cell, layers: int = layers) -> nn.Module:
            return alive(build_cell(cell, 3, HIDDEN, layers))

        found.append(Case(f"cell {cell} layers={layers}", build))
    return found


def alive(module: nn.Module) -> nn.Module:
    """In float64; relu units kept from dying."""
    relu = "relu" in str(getattr(module, "nonlinearity", ""))
    with torch.no_grad():
        for name, weight in module.double().named_parameters():
            weight.add_(float(relu and "bias_ih" in name))
    return module


CASES = cases()
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)


def quickly(short: Callable[[str], bool]) -> pytest.MarkDecorator:
    """Every case; those of the lab's cells whose name is not ``short`` at length only."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(
                case,
                marks=pytest.mark.long if case.name.startswith("cell ") and not short(case.name)
                else (),
                id=str(case),
            )
            for case in CASES
        ],
    )  # fmt: skip


TWO_LAYERS = quickly(lambda name: name.endswith("layers=2"))
"""Of each cell the stack, whose lowest layer is the cell alone."""
ONE_LAYER = quickly(lambda name: name.endswith("layers=1"))
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def recurrent_in(module: nn.Module, path: str = "rnn") -> list[tuple[str, nn.Module, LayerAdapter]]:
    """What the registry recognises in it, by path."""
    found = []
    for inner, part in module.named_modules():
        adapter = adapter_of(part)
        if adapter is not None:
            found.append((".".join(filter(None, (path, inner))), part, adapter))
    return found


def sequences(form: str) -> list[Tensor]:
    lengths = [3, 6, 1] if form.startswith("packed") else [6, 6, 6]
    return [torch.randn(length, 3, dtype=torch.float64) for length in lengths]


def outputs(module: nn.Module, form: str, xs: list[Tensor]) -> list[list[Tensor]]:
    """The module's own outputs, by sequence and step; a cell called in a loop."""
    adapter = adapter_of(module)
    if adapter is not None and adapter.reading == "fused":
        assert isinstance(module, nn.RNNBase)
        return feed(module, form, xs, None)[0]
    if adapter is None:  # a stack of the lab's, which is batch first
        return [list(row) for row in module(torch.stack(xs))[0]]
    state: Any = None
    steps = []
    for x in torch.stack(xs, 1):
        state = module(x, state)
        steps.append(state[0] if adapter.has_cell_state else state)
    return [list(row) for row in torch.stack(steps, 1)]


# -- the slow reference ----------------------------------------------------------------------


def reference(module: nn.Module, x: Tensor) -> Ran:
    """One sequence ``(T, 3)``, layer by layer and step by step."""
    adapter = adapter_of(module)
    if adapter is not None and adapter.reading == "fused":
        assert isinstance(module, nn.RNNBase)
        return windows(module, [x])
    ran, below = Ran(at=[[t] for t in range(len(x))]), list(x)
    between = getattr(module, "between", None)
    for number, (path, cell, own) in enumerate(recurrent_in(module, "")):
        if number and between is not None:
            below = [between(row) for row in below]
        h = x.new_zeros(1, HIDDEN)
        c = x.new_zeros(1, HIDDEN)
        hs, cs = [], []
        for row in below:
            if own.reading == "scanned":  # of a single step
                h = cell(row[None, None], h)[:, 0]
            elif own.has_cell_state:
                h, c = cell(row[None], (h, c))
                cs.append(c)
            else:
                h = cell(row[None], h)
            hs.append(h)
        ran.h[path], ran.c[path] = hs, cs
        below = [state[0] for state in hs]
    ran.ys = below
    return ran


# -- what is recorded ------------------------------------------------------------------------


def trained(module: nn.Module, form: str, xs: list[Tensor], path: Path | None) -> Run | None:
    """Three steps on one batch, watched where there is a path."""
    model = nn.ModuleDict({"rnn": module})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = None if path is None else watch(model, optimizer, path, every=1, sequences=len(xs))
    for _ in range(3):
        optimizer.zero_grad()
        rows = outputs(module, form, xs)
        total("steps", [(row, ()) for row in rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    if monitor is None:
        return None
    monitor.close()
    return monitor.run


@pytest.mark.some(2)
@TWO_LAYERS
def test_the_recorded_gradient_is_that_of_an_explicit_loop(case: Case, tmp_path: Path) -> None:
    module, xs = case.make(), sequences(case.form)
    module.eval()  # a dropout mask is drawn: those have their tests in test_probe.py
    rans = [reference(module, x) for x in xs]
    for ys, ran in zip(outputs(module, case.form, xs), rans, strict=True):
        torch.testing.assert_close(torch.stack(ys), torch.stack(ran.ys), rtol=1e-12, atol=1e-12)
    expected = mean([measure(ran, loss_of("steps")) for ran in rans], "rnn")
    run = trained(module, case.form, xs, tmp_path / "run")
    assert run is not None
    names = {
        name
        for path, part, adapter in recurrent_in(module)
        for name in adapter.layer_names(path, part)
    }
    recorded = {name.removeprefix("reach/") for name in run.names if name.startswith("reach/")}
    assert names == recorded == set(expected)
    for name, families in expected.items():
        for family in ("reach", "grad_time", "hidden_norm"):
            row = run.profile(f"{family}/{name}").rows[0]
            np.testing.assert_allclose(row, families[family], 1e-10, err_msg=f"{family} {name}")
        cells = families["grad_time_cell"]
        assert (f"grad_time_cell/{name}" in run.names) == bool(cells)
        if cells:
            row = run.profile(f"grad_time_cell/{name}").rows[0]
            np.testing.assert_allclose(row, cells, 1e-10, err_msg=name)


@pytest.mark.some(2)
@ONE_LAYER
def test_observing_leaves_training_bit_identical(case: Case, tmp_path: Path) -> None:
    """And what is recorded of how saturated it is has the gates of its kind."""
    xs = sequences(case.form)
    ends = []
    for path in (None, tmp_path / "run"):
        torch.manual_seed(1)
        module = case.make()
        run = trained(module, case.form, xs, path)
        state = [p.detach().clone() for p in module.parameters()]
        rows = [torch.stack(row).detach() for row in outputs(module, case.form, xs)]
        ends.append((*state, *rows, torch.get_rng_state()))
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    assert run is not None
    check_saturation(run, module)


# -- saturation ------------------------------------------------------------------------------


def plain_gates(module: nn.RNNBase, x: Tensor, hs: list[Tensor]) -> dict[str, Tensor]:
    """Every gate of the lowest layer of one sequence, ``(T, H)``, from its states ``hs``."""
    adapter = adapter_of(module)
    assert adapter is not None
    found: dict[str, list[Tensor]] = {gate: [] for gate in adapter.gates}
    for xt, h in zip(x, [torch.zeros_like(hs[0]), *hs[:-1]], strict=True):
        own = module.weight_ih_l0 @ xt + module.bias_ih_l0
        back = module.weight_hh_l0 @ h + module.bias_hh_l0  # type: ignore[operator]
        for k, gate in enumerate(adapter.gates):
            rows = slice(k * HIDDEN, (k + 1) * HIDDEN)
            if gate != adapter.candidate:
                value = torch.sigmoid(own[rows] + back[rows])
            elif "reset" in found:
                value = torch.tanh(own[rows] + found["reset"][-1] * back[rows])
            else:
                value = torch.tanh(own[rows] + back[rows])
            found[gate].append(value)
    return {gate: torch.stack(values).detach() for gate, values in found.items()}


@pytest.mark.parametrize(
    "adapter", [a for a in registered_layers() if a.reading == "fused"], ids=lambda a: a.kind
)
def test_saturation_is_the_share_of_states_and_gates_at_their_ends(
    adapter: LayerAdapter, tmp_path: Path
) -> None:
    kind: Any = getattr(nn, adapter.kind.removeprefix("nn."))
    module = kind(3, HIDDEN).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(8)  # some are saturated, and some are not
    xs = sequences("time first")
    units = [torch.stack(unroll(module, x, None, None).h["l0"]).detach() for x in xs]
    values = {"": torch.stack(units)} if adapter.bounded(module) else {}
    gates = [plain_gates(module, x, list(hs)) for x, hs in zip(xs, units, strict=True)]
    values |= {gate: torch.stack([one[gate] for one in gates]) for gate in adapter.gates}
    run = trained(module, "time first", xs, tmp_path / "run")
    assert run is not None
    shares = {}
    for gate, value in values.items():
        tanh = gate in ("", adapter.candidate)
        off = value.abs() > 0.99 if tanh else (value < 0.01) | (value > 0.99)
        shares[gate] = float(off.double().mean())
    assert 0 < max(shares.values()) < 1
    recorded = {
        name.removeprefix("saturation/rnn.l0").lstrip("."): run[name][0]
        for name in run.names
        if name.startswith("saturation/")
    }
    assert recorded == pytest.approx(shares)


def check_saturation(run: Run, module: nn.Module) -> None:
    """Shares of every layer's states, if they are bounded, and of the gates of its kind."""
    expected = set()
    for path, part, adapter in recurrent_in(module):
        state = [""] if adapter.bounded(part) else []
        # A candidate that is no tanh's has no bounds.
        linear = {adapter.candidate} if adapter.reading == "scanned" else set()
        gates = [gate for gate in adapter.gates if gate not in linear]
        for name in adapter.layer_names(path, part):
            found = [*state, *gates]
            expected |= {f"saturation/{name}{'.' * bool(gate)}{gate}" for gate in found}
    recorded = {name for name in run.names if name.startswith("saturation/")}
    assert recorded == expected
    assert all(((run[name] >= 0) & (run[name] <= 1)).all() for name in recorded)


# -- parameters ------------------------------------------------------------------------------


def states_in(layer: LayerWeights) -> int:
    """The size of the hidden state."""
    assert layer.recurrent is not None
    return layer.recurrent.shape[1]


@EVERY_CASE
def test_recurrent_matrices_are_parameters_and_the_guard_s_blocks(case: Case) -> None:
    model = nn.ModuleDict({"rnn": case.make()})
    blocks = {block.name: block for block in recurrent_blocks(model, model.parameters())}
    found = {}
    for path, part, adapter in recurrent_in(model["rnn"]):
        layers = {layer.suffix: layer for layer in adapter.layers(part)}
        assert len(layers) == len(adapter.layer_names(path, part))
        for layer in layers.values():
            gates = max(1, len(adapter.gates))
            every = [layer.input, layer.recurrent, *layer.biases]
            assert {len(p) for p in every if p is not None} == {gates * HIDDEN}
            assert all(any(p is own for own in part.parameters()) for p in every if p is not None)
        for matrix in adapter.recurrent_matrices(part):
            assert matrix.parameter is getattr(part, matrix.parameter_name)
            assert matrix.weights.shape == (HIDDEN, states_in(layers[matrix.suffix]))
            found[".".join(filter(None, (path, matrix.suffix)))] = matrix
    assert blocks.keys() == found.keys()
    for name, block in blocks.items():
        assert block.parameter is found[name].parameter
        assert torch.equal(block.weights, found[name].weights)


def refusal(action: Callable[[], Any]) -> str | None:
    """The words of its SettingError; None where there is none."""
    try:
        action()
    except SettingError as error:
        return str(error)
    return None


@pytest.mark.some(80)
@pytest.mark.parametrize("name", get_args(Init))
@TWO_LAYERS
def test_an_initialisation_works_or_is_refused_in_a_sentence(case: Case, name: Init) -> None:
    module = case.make()
    before = [p.detach().clone() for p in module.parameters()]
    refused = refusal(lambda: initialise(module, name, t_max=20))
    changed = [not torch.equal(p, old) for p, old in zip(module.parameters(), before, strict=True)]
    if refused:
        words = r"has none(: use a gated cell, such as a GRU or an LSTM)?|needs a square .*"
        assert re.fullmatch(rf"[^.]+ ({words})", refused)
        assert not any(changed)
        return
    assert any(changed) == bool(INIT_NEEDS[name])
    assert all(torch.isfinite(p).all() for p in module.parameters())
    assert all(torch.isfinite(y).all() for row in outputs(module, case.form, sequences(case.form))
               for y in row)  # fmt: skip


# -- the lab's cells -------------------------------------------------------------------------


def model_of(cell: Cell, **options: Any) -> SequenceModel:
    torch.manual_seed(3)
    return SequenceModel(3, 2, cell=cell, hidden=HIDDEN, **options)


def works(action: Callable[[], Any]) -> bool:
    """Whether it does without a SettingError."""
    return refusal(action) is None


@EVERY_CELL
def test_a_cell_is_called_as_the_lab_calls_it(cell: Cell) -> None:
    rnn, xs = build_cell(cell, 3, HIDDEN, 2), torch.randn(5, 7, 3)
    states, last = rnn(xs, None)
    assert states.shape == (5, 7, HIDDEN)
    for part in last if isinstance(last, tuple) else [last]:
        assert part.shape == (2, 5, HIDDEN)
    first, state = rnn(xs[:, :3])
    torch.testing.assert_close(torch.cat([first, rnn(xs[:, 3:], state)[0]], 1), states)
    dropping = build_cell(cell, 3, HIDDEN, 2, 0.5)
    assert not torch.equal(dropping(xs)[0], dropping(xs)[0])
    assert torch.equal(dropping.eval()(xs)[0], dropping(xs)[0])


@EVERY_CELL
def test_every_layer_of_a_cell_is_of_a_registered_kind(cell: Cell) -> None:
    """Named as PyTorch names those of a fused stack."""
    names = [
        name
        for path, part, adapter in recurrent_in(build_cell(cell, 3, HIDDEN, 2))
        for name in adapter.layer_names(path, part)
    ]
    assert names == ["rnn.l0", "rnn.l1"], f"{CELLS[cell].builder} registers no LayerAdapter"


@EVERY_CELL
def test_what_the_table_says_of_a_cell_is_so(cell: Cell) -> None:
    said = CELLS[cell]
    kinds = {adapter for _, _, adapter in recurrent_in(build_cell(cell, 3, HIDDEN))}
    told = all(adapter.memory_gates or adapter.has_decays for adapter in kinds)
    assert said.has_time_scales == told
    assert told == works(lambda: model_of(cell, init="chrono", t_max=9))
    matrices = [
        matrix
        for _, part, adapter in recurrent_in(build_cell(cell, 3, HIDDEN))
        for matrix in adapter.recurrent_matrices(part)
    ]
    assert said.has_matrix == bool(matrices)
    assert said.has_matrix == works(lambda: model_of(cell, init="orthogonal"))
    assert said.has_matrix == works(lambda: model_of(cell, gain=2.0))
    plain = said.plain is not None
    assert said.batched == works(lambda: ManyModels([model_of(cell), model_of(cell)]))
    model = model_of(cell)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert plain == works(lambda: Guard(model, optimizer, Omega()).close())


@EVERY_CELL
def test_a_cell_of_a_batch_is_what_its_batch_computes(cell: Cell) -> None:
    if not CELLS[cell].batched:
        return
    model, xs = model_of(cell, layers=2).double(), torch.randn(5, 7, 3, dtype=torch.float64)
    torch.testing.assert_close(ManyModels([model]).outputs(xs)[0], model(xs)[0])


@EVERY_CELL
def test_a_norm_takes_the_scale_off(cell: Cell) -> None:
    module, xs = build_cell(cell, 3, HIDDEN).double(), torch.randn(5, 7, 3, dtype=torch.float64)
    before = module(xs)[0]
    with torch.no_grad():
        for _, part, adapter in recurrent_in(module):
            for layer in adapter.layers(part):
                for weight in (layer.input, layer.recurrent):
                    if weight is not None:
                        weight.mul_(1000)
    same = torch.allclose(module(xs)[0], before, atol=0.05)
    assert same == CELLS[cell].normalised


@EVERY_CELL
def test_the_lab_s_settings_know_what_a_cell_needs(cell: Cell) -> None:
    said, least = CELLS[cell], CELLS[cell].least_hidden
    assert works(lambda: build_cell(cell, 3, least))
    assert works(lambda: MemoryAdding(cell=cell, hidden=least))
    assert least % said.hidden_multiple == 0
    if said.hidden_multiple > 1:
        assert not works(lambda: build_cell(cell, 3, least + 1))
        with pytest.raises(SettingError, match=f"a multiple of {said.hidden_multiple}, not"):
            MemoryAdding(cell=cell, hidden=least + 1)
    if least > 1:
        assert not works(lambda: build_cell(cell, 3, least - 1))
        with pytest.raises(SettingError, match=f"--cell {cell} .* needs --hidden {least} or more"):
            MemoryAdding(cell=cell, hidden=least - 1)
    for name, needs in INIT_NEEDS.items():
        there = {"": True, "matrix": said.has_matrix, "time scales": said.has_time_scales}[needs]
        assert there == works(lambda name=name: MemoryAdding(cell=cell, init=name))  # type: ignore[misc]
    assert said.has_matrix == works(lambda: MemoryAdding(cell=cell, gain=0.5))


def test_every_initialisation_has_its_needs() -> None:
    assert set(INIT_NEEDS) == set(get_args(Init))


def test_every_cell_s_file_is_registered() -> None:
    known = {cell.builder.partition(":")[0] for cell in CELLS.values()}
    for path in sorted((SOURCE / "nn" / "cells").glob("_[!_]*.py")):
        assert path.stem in known, (
            f"nn/cells/{path.name} is registered nowhere: add it to CELLS in nn/_choices.py"
        )


def test_every_kind_has_a_case() -> None:
    """Of a kind without one nothing here is known to hold."""
    tested = {adapter.kind for case in CASES for _, _, adapter in recurrent_in(case.make())}
    missing = {adapter.kind for adapter in registered_layers()} - tested
    assert not missing, f"no cell of the lab has a layer of the kind {', '.join(missing)}"


# -- who may ask what a layer is -------------------------------------------------------------

TORCHS_OWN = {
    "RNNBase", "RNNCellBase", "RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell",
}  # fmt: skip


def asked_classes(tree: ast.AST) -> Sequence[str]:
    """Attributes and names in the second argument of any ``isinstance`` or ``issubclass``."""
    return [
        part.attr if isinstance(part, ast.Attribute) else part.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("isinstance", "issubclass")
        for part in ast.walk(call.args[1])
        if isinstance(part, (ast.Attribute, ast.Name))
    ]


def test_only_the_registry_asks_for_pytorch_s_classes() -> None:
    asking = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(name in (text := path.read_text()) for name in TORCHS_OWN)
        and TORCHS_OWN & set(asked_classes(ast.parse(text)))
    }
    assert asking == {"layers/_fused.py"}


def test_only_the_table_and_the_defaults_name_a_cell() -> None:
    """Elsewhere what holds for some cells is asked of the table; a remedy names its own cell."""
    named = {
        path.relative_to(SOURCE).as_posix()
        for room in ("lab", "studies", "cli", "report", "nn")
        for path in (SOURCE / room).rglob("*.py")
        if any(f'"{cell}"' in (text := path.read_text()) for cell in CELLS)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Compare, ast.match_case))
        for part in ast.walk(node.pattern if isinstance(node, ast.match_case) else node)
        if isinstance(part, ast.Constant) and part.value in CELLS
    }
    assert not named
