"""What the README shows works as it stands."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from backsight.cli._main import COMMANDS
from backsight.diagnosis import findings_page
from backsight.lab import Chars, train
from backsight.signals import CATALOGUE, Run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIBRARY, PROBE, OWN_LOOP, GUARDED = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_library_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(Chars(run=Path("runs/chars-rnn-1"), hidden=8, seq_len=10, iterations=2, report=False))
    assert "iterations=500" in LIBRARY  # only the length of the run is changed
    exec(LIBRARY.replace("iterations=500", "iterations=2"), {})
    said = capsys.readouterr().out
    assert "finished 2" in said
    assert "page runs/chars-lstm-1/report.html" in said


def test_the_loop_of_ones_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(3, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = self.gru(x)[0]
            return output

    monkeypatch.chdir(tmp_path)
    model = Model()
    names = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "criterion": nn.MSELoss(),
        "batches": [(torch.randn(2, 6, 3), torch.randn(2, 6, 4)) for _ in range(3)],
    }
    exec("import backsight, torch\n" + OWN_LOOP, names)
    run = Run("runs/mine")
    assert run.status == "finished"
    assert {"loss", "grad_norm", "grad_norm_applied", "hidden_norm_mean/gru.l0"} <= set(run.names)
    assert len(run["loss"]) == 3


def test_the_guarded_loop_runs() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    bad = torch.full((2, 3), torch.nan)
    names = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "criterion": nn.MSELoss(),
        "batches": [(x, torch.randn(2, 1)) for x in (torch.randn(2, 3), bad, torch.randn(2, 3))],
    }
    exec("import backsight\n" + GUARDED, names)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_the_probe_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = self.rnn(x)[0]
            return output

    x, y = torch.randn(9, 2, 3), torch.randn(9, 2, 4)
    exec(PROBE, {"model": Model(), "criterion": nn.MSELoss(), "x": x, "y": y})
    assert "rnn.l0 the gradient is " in capsys.readouterr().out


def test_every_command_is_in_the_readme() -> None:
    for command in COMMANDS:
        assert f"`backsight {command}" in README


def test_the_changelog_names_every_signal() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in CATALOGUE:
        assert f"`{name}`" in changelog


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"]
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_the_findings_page_is_what_the_rules_say() -> None:
    """``backsight explain --markdown > docs/findings.md`` renews it."""
    assert (ROOT / "docs/findings.md").read_text(encoding="utf-8") == findings_page()


def test_the_measurement_of_ones_own_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example in docs/measurements.md, and its ten lines."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.head = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            answers: torch.Tensor = self.head(self.gru(x)[0])
            return answers

    def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(2, 6, 3)).square().mean().backward()
            optimizer.step()

    page = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    body = example[example.index("class HeadRank") : example.index("with backsight")]
    assert len(body.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    exec(example, {"torch": torch, "model": model, "optimizer": optimizer, "train": train})
    ranks = Run("runs/ranked")["head_rank"]
    assert len(ranks) == 1
    assert 1 <= ranks[0] <= 2
    assert f"{ranks[0]:.4f}"[:4] in capsys.readouterr().out
