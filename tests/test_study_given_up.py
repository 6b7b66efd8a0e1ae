"""A script whose guard gives up is a trial with a result: it is not failed, and not run again."""

import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from backsight.signals import Run
from tests import processes

SCRIPT = """
    import argparse

    import torch
    from torch import nn

    import backsight
    from backsight.guard import policies_from

    parser = argparse.ArgumentParser()
    parser.add_argument("--seq-len", type=int, default=5)
    parser.add_argument("--bad-from", type=int, default=7)
    parser.add_argument("--guarded", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    rnn, head = nn.RNN(1, 4, batch_first=True), nn.Linear(4, 1)
    model = nn.ModuleList([rnn, head])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if asked.guarded:
        backsight.Guard(model, optimizer, *policies_from("skip:row=3"))
    for i in range(90):
        x = torch.randn(4, asked.seq_len, 1)
        loss = (head(rnn(x)[0][:, -1]) - x[:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if asked.seq_len >= asked.bad_from and i >= 30:
            for parameter in model.parameters():
                parameter.grad.fill_(float("nan"))
        optimizer.step()
"""


def backsight(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return processes.run([*processes.COMMAND, *words], cwd=cwd)


def study(*words: object, cwd: Path) -> tuple[dict[str, Any], str]:
    """What it tells as JSON, and what it said; none of its trials has failed."""
    done = backsight("study", *words, cwd=cwd)
    assert done.returncode == 0, done.stderr + done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    return told, done.stderr


def created(folder: Path) -> dict[str, float]:
    return {path.name: Run(path).info["created"] for path in (folder / "runs").iterdir()}


@pytest.mark.long
def test_in_a_length_study_of_a_script(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    words = ("length", "--script", "train.py", "--vary", "--seq-len=3,8", "--seeds", 1, "--out",
             "it", "--engine", "local:2", "--json", "--", "--guarded")  # fmt: skip
    told, said = study(*words, cwd=tmp_path)
    assert "given up (GuardError: the guard skipped 3 updates in a row" in said
    short, long = told["trials"]
    assert (short["iterations"], long["iterations"]) == (90, 33)
    assert (short["outcome"], long["outcome"]) == ("learned", "given up")
    assert isinstance(long["loss"], float)
    run = Run(tmp_path / "it" / "runs" / "script-8-seed0")
    assert (run.status, run.end_reason) == ("failed", "guard_gave_up")
    before = created(tmp_path / "it")
    again, said = study(*words, cwd=tmp_path)
    assert "2 of 2 trials were already done" in said
    assert again["trials"] == told["trials"]
    assert created(tmp_path / "it") == before


@pytest.mark.long
@pytest.mark.long
def test_in_a_study_of_remedies_on_a_script_s_run(tmp_path: Path) -> None:
    """As a user meets it: ``backsight run`` makes the run, and a guard ends a trial of it."""
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    plain = backsight("run", "--run", "plain", "train.py", "--seq-len", 8, cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    assert Run(tmp_path / "plain").end_reason == "completed"
    words = ("remedies", "plain", "--seeds", 1, "--only", "guard", "--out", "it", "--engine",
             "local:2", "--json")  # fmt: skip
    told, said = study(*words, cwd=tmp_path)
    (guarded,) = told["remedies"]
    (trial,) = guarded["trials"]
    assert (guarded["name"], trial["outcome"]) == ("guard", "given up")
    assert "the guard rolled back" in trial["reason"]
    assert isinstance(trial["loss"], float)
    assert told["unchanged"]["trials"][0]["outcome"] == "not finite"
    assert Run(tmp_path / "it" / "runs" / "guard-seed0").end_reason == "guard_gave_up"
    before = created(tmp_path / "it")
    again, said = study(*words, cwd=tmp_path)
    assert f"{len(before)} of {len(before)} trials were already done" in said
    assert again["remedies"] == told["remedies"]
    assert created(tmp_path / "it") == before
