"""Training as it is written out there, under what ``backsight run`` puts around it."""

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from torch.optim.swa_utils import AveragedModel
from torch.utils.flop_counter import FlopCounterMode

import backsight
from backsight.cli._closing import nothing_recorded
from backsight.monitor import ProcessMonitor, Seen
from backsight.signals import Recorder, Run


@contextmanager
def observing(path: Path) -> Iterator[ProcessMonitor]:
    with Recorder(path) as recorder:
        monitor = ProcessMonitor(recorder, every=1)
        try:
            yield monitor
        finally:
            monitor.close()


def learn(loss_of: Callable[[], Tensor], optimizer: torch.optim.Optimizer, count: int = 4) -> None:
    for _ in range(count):
        optimizer.zero_grad()
        loss: Any = loss_of()
        loss.backward()
        optimizer.step()


def seen_of(path: Path, loss_of: Callable[[], Tensor], *models: nn.Module) -> Seen:
    with observing(path) as monitor:
        learn(loss_of, torch.optim.SGD([p for m in models for p in m.parameters()], lr=0.1))
        return monitor.seen


def test_modules_that_were_called_under_a_mode_alone(run_path: Path) -> None:
    layer = nn.LSTM(3, 4)
    with observing(run_path) as monitor, FlopCounterMode(display=False):
        learn(lambda: layer(torch.ones(5, 2, 3))[0].sum(), torch.optim.SGD(layer.parameters(), 0.1))
    said = nothing_recorded(monitor.seen)
    assert "modules were called under the dispatch mode FlopCounterMode alone" in said


def test_an_average_of_the_weights_is_no_layer_that_did_not_run(run_path: Path) -> None:
    model = nn.Sequential(nn.GRU(3, 4))
    average = AveragedModel(model)

    def loss_of() -> Tensor:
        with torch.no_grad():
            average(torch.ones(5, 2, 3))
        found: Tensor = model(torch.ones(5, 2, 3))[0].sum()
        return found

    seen = seen_of(run_path, loss_of, model)
    assert (seen.unmeasured, seen.untold) == ({}, [])
    assert seen.models == {"Sequential": 1, "AveragedModel": 1}


def test_a_loop_around_the_model_is_named(run_path: Path) -> None:
    """As of an equation that is solved step by step."""
    slope = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

    def loss_of() -> Tensor:
        y = torch.ones(6, 2)
        for _ in range(7):
            y = y + 0.1 * slope(y + 0.1 * slope(y))
        return y.square().mean()

    (said,) = seen_of(run_path, loss_of, slope).untold
    assert "Sequential learns: it is called 14 times before a backward pass" in said


def test_what_goes_on_from_another_module_has_no_sentence(run_path: Path) -> None:
    layer, head = nn.LSTM(3, 4), nn.Linear(4, 1)
    seen = seen_of(run_path, lambda: head(layer(torch.ones(5, 2, 3))[0]).sum(), layer, head)
    assert (seen.untold, seen.unmeasured) == ([], {})


@pytest.fixture
def warned_always() -> Iterator[None]:
    """PyTorch warns more than once a process, and every warning is an error."""
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        torch.set_warn_always(False)


@pytest.mark.usefixtures("warned_always")
def test_a_packed_batch_of_a_projected_layer_makes_no_warning(run_path: Path) -> None:
    """A padded one does: it would be ours."""
    layer = nn.LSTM(3, 5, proj_size=4, bidirectional=True)
    batch = pack_sequence([torch.ones(6, 3), torch.ones(2, 3)])
    seen_of(run_path, lambda: layer(batch)[0].data.square().sum(), layer)
    assert Run(run_path).profile("reach/l0").iterations.tolist() == [0, 1, 2, 3]


def test_no_name_of_a_parameter_is_a_constant_of_ours() -> None:
    """Python keeps one string of each constant, and of each name that a module is given: a layer
    that is made later would be pickled, and saved as a whole, to other bytes than without us."""
    name = re.compile(r"(weight|bias)_(ih|hh|hr)_l\d+(_reverse)?")
    folder = Path(backsight.__file__).parent
    observing = ("cli", "diagnosis", "guard", "layers", "monitor", "probes", "signals")
    found = []
    for path in (path for room in observing for path in sorted((folder / room).rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        if "examples" in path.parts or not name.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            words = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
            words = node.attr if isinstance(node, ast.Attribute) else words
            if isinstance(words, str) and name.fullmatch(words):
                found.append((path.name, words))
    assert not found


def test_a_loop_whose_state_is_complex() -> None:
    """With a transition of 0.6 + 0.3i on every unit, a step further back gets 0.6708 times less."""

    class Turning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = nn.Linear(2, 4), nn.Linear(4, 1)
            self.turn = nn.Parameter(torch.eye(4) * (0.6 + 0.3j))

        def forward(self, x: Tensor) -> Tensor:
            h = torch.zeros(3, 4, dtype=torch.complex64)
            for one in x:
                h = h @ self.turn + self.into(one)
            found: Tensor = self.out(h.abs())
            return found

    torch.manual_seed(0)
    model, x = Turning(), torch.randn(8, 3, 2)
    (profile,) = backsight.probe(model, lambda: model(x).sum()).values()
    expected = [abs(0.6 + 0.3j) ** lag for lag in range(len(profile.reach))]
    assert profile.reach.tolist() == pytest.approx(expected, rel=1e-5)
    assert len(expected) == 8
