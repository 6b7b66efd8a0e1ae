"""``BacksightCallback`` of transformers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments
from transformers.integrations import TensorBoardCallback
from transformers.trainer_callback import PrinterCallback

from backsight.integrations import JsonLines
from backsight.integrations.transformers import BacksightCallback
from backsight.signals import Run
from tests.integrations.conformance import Conformance, Course
from tests.integrations.small import Classifier, SpoiledLoss, numbers, points_of

pytestmark = pytest.mark.filterwarnings("ignore")


class Labelled(Classifier):
    """The classifier, which returns its loss as the trainer wants it."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self.loss_of = SpoiledLoss(course)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """Of ``(B, T, 1)`` and ``(B,)``."""
        scores = super().forward(x)
        return {"loss": self.loss_of(scores, labels), "logits": scores}


def trainer_of(model: Any, callbacks: list[Any], folder: Path, **options: Any) -> Any:
    """One that prints nothing, on six batches an epoch."""
    settings = {
        "per_device_train_batch_size": 8, "learning_rate": 0.01, "lr_scheduler_type": "constant",
        "logging_steps": 2, "max_steps": 12, "save_strategy": "no", "report_to": [],
        "disable_tqdm": True, "use_cpu": True,
    }  # fmt: skip
    arguments = TrainingArguments(str(folder / "trained"), **{**settings, **options})
    data = [{"x": x, "labels": y} for x, y in zip(*numbers(), strict=True)]
    trainer = Trainer(
        model, arguments, train_dataset=data, eval_dataset=data[:16], callbacks=callbacks
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


class TestTransformers(Conformance):
    """The suite of all callbacks."""

    callback = BacksightCallback
    iterations = 12
    module = "rnn.l0"
    tells_errors = False

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Two epochs of six batches, with a checkpoint after each."""
        model = Labelled(course)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        steps = {"save_strategy": "steps", "save_steps": 6, "max_steps": course.stop or 12}
        trainer = trainer_of(model, callbacks, course.folder, **steps)
        trainer.optimizer = optimizer
        with course.watching(model, optimizer):
            trainer.train(resume_from_checkpoint=course.resume or None)
        self.history = trainer.state.log_history
        return model

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What is in the trainer's log."""
        return points_of(self.history)


class Reporter(TensorBoardCallback):  # type: ignore[misc, unused-ignore]
    """One of ``report_to``, which keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, dict[str, float]]] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Keep it."""
        self.told.append((state.global_step, dict(logs)))


def test_reporters_get_each_number_at_its_step(tmp_path: Path) -> None:
    reporter, callback = Reporter(), BacksightCallback(tmp_path / "run", every=2)
    trainer = trainer_of(Labelled(Course(tmp_path)), [reporter, callback], tmp_path)
    trainer.train()
    assert callback.run is not None
    told = [(step, name, v) for step, row in reporter.told for name, v in row.items()]
    ours = [(step, name, v) for step, name, v in told if name.startswith("backsight/")]
    assert {name for _, name, _ in ours} >= {"backsight/grad_norm", "backsight/horizon/rnn.l0"}
    assert max(step for step, _, _ in ours) == 11
    for step, name, value in ours:
        series = callback.run.series(name.removeprefix("backsight/"))
        assert value == series.values[series.iterations == step][0]


def test_an_iteration_is_a_step_and_evaluations_are_none(tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run", every=1)
    options = {"gradient_accumulation_steps": 2, "eval_strategy": "steps", "eval_steps": 2}
    trainer_of(Labelled(Course(tmp_path)), [callback], tmp_path, max_steps=6, **options).train()
    assert Run(tmp_path / "run").iterations == 6


def test_callbacks_that_the_trainer_restores_know_their_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """``restore_callback_states_from_checkpoint`` makes them anew, from what JSON can hold."""
    steps = {"save_strategy": "steps", "save_steps": 6}
    first = BacksightCallback(tmp_path / "run", every=2, to=[JsonLines()])
    trainer_of(Labelled(Course(tmp_path)), [first], tmp_path, max_steps=6, **steps).train()
    stored = json.loads((tmp_path / "trained/checkpoint-6/trainer_state.json").read_text())
    assert stored["stateful_callbacks"]["BacksightCallback"]["args"]["every"] == 2

    steps["restore_callback_states_from_checkpoint"] = True
    second = BacksightCallback(tmp_path / "run")
    trainer = trainer_of(Labelled(Course(tmp_path)), [second], tmp_path, **steps)
    trainer.train(resume_from_checkpoint=True)
    assert Run(tmp_path / "run").iterations == 12
    assert Run(tmp_path / "run").info["config"]["every"] == 2
    assert "the callback is without to, which trainer_state.json cannot hold" in caplog.text


def test_a_checkpoint_from_before_there_was_a_callback_will_do(tmp_path: Path) -> None:
    steps = {"save_strategy": "steps", "save_steps": 3}
    trainer_of(Labelled(Course(tmp_path)), [], tmp_path, max_steps=3, **steps).train()
    callback = BacksightCallback(tmp_path / "run", every=1)
    trainer = trainer_of(Labelled(Course(tmp_path)), [callback], tmp_path, max_steps=6, **steps)
    trainer.train(resume_from_checkpoint=True)
    assert Run(tmp_path / "run").iterations == 3
    logged = [row for row in trainer.state.log_history if "backsight/iteration" in row]
    assert logged[-1]["backsight/iteration"] == 5  # as the trainer counts


def test_the_embedding_of_a_language_model_is_found(tmp_path: Path) -> None:
    size = {"vocab_size": 8, "n_positions": 10, "n_embd": 8, "n_layer": 2, "n_head": 2}
    model = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
    rows = torch.randint(8, (32, 10), generator=torch.Generator().manual_seed(0))
    trainer = trainer_of(model, [BacksightCallback(tmp_path / "run", every=2)], tmp_path)
    trainer.train_dataset = [{"input_ids": row, "labels": row} for row in rows]
    trainer.train()
    run = Run(tmp_path / "run")
    assert "reach/input:transformer.wte" in run.names
    assert "block_reach/transformer.h.1" in run.names


PROCESSES = """
import os, sys
from pathlib import Path
import torch
from backsight.integrations.transformers import BacksightCallback
from tests.integrations.conformance import Course
from tests.integrations.test_transformers import Labelled, trainer_of

trained = []
for callbacks in ([], [BacksightCallback("run", every=2)]):
    torch.manual_seed(0)
    model = Labelled(Course(Path()))
    trainer_of(model, callbacks, Path(), ddp_backend="gloo").train()
    trained.append([parameter.detach().clone() for parameter in model.parameters()])
assert all(map(torch.equal, *trained))
assert (callbacks[0].run is None) == (os.environ["RANK"] == "1")
"""


def test_two_processes_have_one_run_and_train_as_without(tmp_path: Path) -> None:
    """As ``torchrun`` starts them: gradients are averaged, and the first process records."""
    script = tmp_path / "script.py"
    script.write_text(PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    here = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{here}:{here / 'src'}", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    run = Run(tmp_path / "run")
    assert (run.status, run.iterations) == ("finished", 12)
    assert run.series("grad_norm_applied").iterations.tolist() == list(range(12))
    assert run.profile("reach/rnn.l0").iterations.tolist() == list(range(0, 12, 2))
    assert [path.name for path in tmp_path.glob("run*")] == ["run"]
