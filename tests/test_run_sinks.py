"""``backsight run --to SINK``: a script that knows nothing of sinks has them."""

import json
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from backsight.cli._run import _without_places
from backsight.cli._train import _sinks
from backsight.errors import SettingError
from backsight.integrations import JsonLines
from backsight.lab import MemoryEcho, resume, train
from backsight.monitor import LateRecorder
from backsight.monitor.sinks import Sink
from backsight.signals import Recorder, Run, hide_words, list_runs
from tests import processes

TWO_TRAININGS = """
    import os
    import torch

    os.chdir("elsewhere")
    for _ in range(2):
        model = torch.nn.RNN(3, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            model(torch.randn(6, 2, 3))[0].square().mean().backward()
            optimizer.step()
        del model, optimizer
"""


def observed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "elsewhere").mkdir()
    (folder / "train.py").write_text(textwrap.dedent(TWO_TRAININGS))
    return processes.run([*processes.COMMAND, "run", *words, "train.py"], cwd=folder)


def losses(file: Path) -> dict[int, float]:
    lines = map(json.loads, file.read_text().splitlines())
    kept = {line["iteration"]: line["scalars"] for line in lines if "scalars" in line}
    return {at: values["loss"] for at, values in kept.items() if "loss" in values}


def test_each_training_of_a_script_has_sinks_of_its_own(tmp_path: Path) -> None:
    """In the place that was named, from wherever the script has gone; secrets stay unwritten."""
    hook = "http://127.0.0.1:9/services/geheim"
    done = observed(tmp_path, "--to", "jsonl:mine.jsonl", "--to=jsonl", "--to", f"webhook:{hook}")
    assert done.returncode == 0, done.stderr
    runs, _ = list_runs(tmp_path / "runs")
    assert [run.name for run in runs] == ["train-1", "train-2"]
    for run, file in zip(runs, ("mine.jsonl", "mine-2.jsonl"), strict=True):
        series = run.series("loss")
        expected = dict(zip(series.iterations.tolist(), series.values.tolist(), strict=True))
        assert len(expected) == 6
        assert losses(tmp_path / file) == losses(run.path / "values.jsonl") == expected
        assert run.info["config"]["to"] == ["jsonl", "jsonl", "webhook"]
        assert "--to 'webhook:(hidden)' train.py" in run.info["command"]
        assert "geheim" not in (run.path / "run.json").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tensorbord", "there is no sink 'tensorbord': did you mean tensorboard?"),
        ("jsonl:train.py", "train.py already exists: choose another file"),
        ("webhook:chat", "a webhook needs a URL that begins with https:// or http://"),
    ],
)
def test_a_wrong_name_is_told_before_the_script_begins(
    name: str, words: str, tmp_path: Path
) -> None:
    done = observed(tmp_path, "--to", name)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("backsight: ")
    assert line.endswith(words)
    assert not (tmp_path / "runs").exists()


def test_places_are_not_recorded() -> None:
    own = ["--every", "5", "--to", "jsonl", "--to=wandb:x", "--to", "command:a b:c"]
    assert _without_places(own) == [
        "--every", "5", "--to", "jsonl", "--to=wandb:(hidden)", "--to", "command:(hidden)",
    ]  # fmt: skip


def test_a_sink_that_cannot_be_made_costs_nothing_else(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def none() -> Sequence[Sink]:
        raise SettingError("there is no disk")

    recorder = LateRecorder(run_path, kind="run", config={}, sinks=none)
    recorder.scalars(0, {"loss": 2.0})
    recorder.close()
    assert Run(run_path)["loss"].tolist() == [2.0]
    assert caplog.messages == [f"backsight: {run_path} has no sink: there is no disk"]


def test_a_folder_that_is_taken_by_then_costs_no_values(run_path: Path, tmp_path: Path) -> None:
    """The sinks go with the run to the next free folder."""
    Recorder(run_path).close()
    recorder = LateRecorder(
        run_path, kind="run", config={}, another=lambda: tmp_path / "other",
        sinks=lambda: [JsonLines()],
    )  # fmt: skip
    recorder.scalars(0, {"loss": 2.0})
    recorder.close()
    assert losses(tmp_path / "other" / "values.jsonl") == {0: 2.0}


# -- backsight train -----------------------------------------------------------------------------


def test_the_lab_has_sinks_as_well_also_when_it_goes_on(tmp_path: Path) -> None:
    config = MemoryEcho(
        length=6, hidden=4, validate_sequences=8, report=False, device="cpu", iterations=3,
        run=tmp_path / "echo",
    )  # fmt: skip
    run = train(config, to=["jsonl"])
    assert losses(run.path / "values.jsonl") == dict(enumerate(run["loss"].tolist()))
    sink = JsonLines(tmp_path / "more.jsonl")
    run = resume(run, iterations=5, to=sink)
    assert losses(tmp_path / "more.jsonl") == {at: run["loss"][at] for at in (3, 4)}


def test_names_of_sinks_are_no_settings_of_the_lab() -> None:
    words = ["chars", "--to", "jsonl", "--hidden", "8", "--to=tensorboard:logs"]
    assert _sinks(words) == (["jsonl", "tensorboard:logs"], ["chars", "--hidden", "8"])
    for wrong in (["chars", "--to"], ["chars", "--to", "--hidden"], ["chars", "--to="]):
        with pytest.raises(SettingError, match="--to expects the name of a sink, such as"):
            _sinks(wrong)


def test_the_url_of_a_webhook_is_hidden_wherever_it_stands() -> None:
    words = ["--to", "webhook:https://chat.example.org/geheim", "--to=webhook:http://x/geheim"]
    assert hide_words(words) == ["--to", "webhook:(hidden)", "--to=webhook:(hidden)"]
