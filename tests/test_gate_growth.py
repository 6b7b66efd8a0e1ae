"""How far each gate's weights have moved, and which of them was the first."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import backsight
from backsight.diagnosis import diagnose
from backsight.layers import blocks_of
from backsight.monitor.measurements import GateGrowth
from backsight.nn import build_cell
from tests.decaying import Mamba2, MinGRU, MinLSTM

WIDTH = 6


def stack_of(kind: str) -> nn.ModuleDict:
    torch.manual_seed(0)
    layers: nn.Module
    if kind == "LSTM":
        layers = nn.LSTM(WIDTH, WIDTH, num_layers=3, batch_first=True)
    else:
        make = {"minGRU": MinGRU, "Mamba-2": Mamba2}[kind]
        layers = nn.Sequential(make(), make(), make())
    return nn.ModuleDict({"layers": layers, "head": nn.Linear(WIDTH, 1)})


def watched(
    model: nn.ModuleDict, folder: Path, *, steps: int, scaled: int, rows: torch.Tensor, part: slice
) -> backsight.Run:
    """A training in which these rows are multiplied by 40 before one of its iterations."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with backsight.watch(model, optimizer, folder, every=4):
        for step in range(steps):
            if step == scaled:
                with torch.no_grad():
                    rows[part] *= 40
            out = model["layers"](torch.randn(4, 5, WIDTH))
            out = out[0] if isinstance(out, tuple) else out
            loss = model["head"](out).square().mean() * (100.0 if step >= scaled else 1.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return backsight.Run(folder)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "parameter", "part", "name"),
    [
        ("LSTM", "layers.weight_hh_l1", slice(6, 12), "layers.l1.forget"),
        ("minGRU", "layers.1.to_hidden_and_gate.weight", slice(6), "layers.1.candidate"),
        ("Mamba-2", "layers.2.in_proj.weight", slice(12, 16), "layers.2.B"),
        ("Mamba-2", "layers.0.dt_bias", slice(None), "layers.0.dt"),
    ],
)
def test_the_gate_that_grew_first_is_named_though_no_sample_saw_it(
    kind: str, parameter: str, part: slice, name: str, tmp_path: Path
) -> None:
    """Samples at every fourth iteration; 30 is none of them, but its gradient has grown."""
    model = stack_of(kind)
    rows = dict(model.named_parameters())[parameter]
    run = watched(model, tmp_path / "run", steps=31, scaled=30, rows=rows, part=part)
    found = [f for f in diagnose(run).findings if f.code == "BKS208"]
    assert [(f.module, f.iteration, f.evidence["began"]) for f in found] == [(name, 30, 30)]
    assert run.series(f"gate_moved/{name}").iterations[-1] == 30


def test_where_all_weights_grow_none_is_named(tmp_path: Path) -> None:
    model = stack_of("LSTM")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with backsight.watch(model, optimizer, tmp_path / "run", every=4):
        for step in range(34):
            if step >= 30:
                with torch.no_grad():
                    for parameter in model.parameters():
                        parameter.mul_(40)
            loss = model["head"](model["layers"](torch.randn(4, 5, WIDTH))[0]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    run = backsight.Run(tmp_path / "run")
    assert run["grad_norm"][-1] > 100 * run["grad_norm"][28]
    assert not [f for f in diagnose(run).findings if f.code == "BKS208"]


def test_the_numbers_are_those_of_a_plain_computation(tmp_path: Path) -> None:
    """Of the rows of a gate in all four tensors, from sample to sample."""
    torch.manual_seed(0)
    model = nn.LSTM(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    seen = []
    with backsight.watch(model, optimizer, tmp_path / "run", every=2):
        for _ in range(13):
            loss = model(torch.randn(5, 2, 3))[0].square().mean()
            optimizer.zero_grad()
            loss.backward()
            seen.append(torch.cat([p.detach()[4:8].flatten() for p in model.parameters()]))
            optimizer.step()
    run = backsight.Run(tmp_path / "run")
    known = run.series("gate_moved/l0.forget")
    at = known.iterations.tolist()
    assert at == [2, 4, 6, 8, 10, 12]
    moved = [float((seen[i] - seen[i - 2]).norm() / seen[i - 2].norm()) for i in at]
    np.testing.assert_allclose(known.values, moved, rtol=1e-5)
    growth = run.series("gate_growth/l0.forget")
    assert growth.iterations.tolist() == [8, 10, 12]  # three samples tell what is usual
    usual = [sorted(moved[:n])[(n - 1) // 2] for n in (3, 4, 5)]  # of four, the lower one
    np.testing.assert_allclose(growth.values, np.array(moved[3:]) / usual, rtol=1e-5)


def test_motion_over_fewer_or_more_iterations_is_held_against_what_may_be_expected() -> None:
    """A drift comes to as many times as much, and a random walk to the root of it."""
    one = GateGrowth()
    one._usual.extend([(torch.tensor([1.0]), 4)] * 3)
    for elapsed, expected in ((1, 0.5), (4, 1.0), (16, 4.0)):
        growth = one._growth(torch.tensor([expected]), elapsed)
        assert growth is not None
        assert growth.tolist() == [1.0]


def test_every_parameter_is_in_one_block() -> None:
    parts = [nn.LSTM(WIDTH, WIDTH, 2, bidirectional=True), nn.GRUCell(3, 4), MinGRU(), MinLSTM(),
             Mamba2(), build_cell("mingru", 3, 4), nn.Conv1d(2, 2, 2)]  # fmt: skip
    model = nn.ModuleList(parts)
    model.register_parameter("own", nn.Parameter(torch.zeros(3)))
    model.register_parameter("fixed", nn.Parameter(torch.zeros(3), requires_grad=False))
    counted = {id(p): torch.zeros(len(p)) for p in model.parameters()}
    names = []
    for block in blocks_of(model.named_modules()):
        names.append(block.name)
        for parameter, rows in block.rows:
            counted[id(parameter)][rows] += 1
    assert len(set(names)) == len(names)
    for name, parameter in model.named_parameters():
        assert bool((counted[id(parameter)] == (name != "fixed")).all()), name


def test_a_layer_that_computes_its_weights_is_left_to_what_is_trained() -> None:
    model = nn.LSTM(3, 4)
    nn.utils.parametrizations.weight_norm(model, "weight_hh_l0")
    blocks = {block.name: block for block in blocks_of(model.named_modules())}
    assert {"l0.input", "l0.forget", "l0.cell", "l0.output"} < blocks.keys()
    trained = {id(p) for p in model.parameters()}
    assert {id(p) for block in blocks.values() for p, _ in block.rows} == trained
