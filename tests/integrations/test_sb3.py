"""``BacksightCallback`` of Stable-Baselines3."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("stable_baselines3")
pytest.importorskip("sb3_contrib")

from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.callbacks import ConvertCallback
from stable_baselines3.common.logger import configure

from backsight.integrations.sb3 import BacksightCallback
from backsight.signals import Run
from tests.integrations.conformance import Conformance, Course
from tests.integrations.small import points_of

SMALL = {"net_arch": [4]}


class Spoiled(RecurrentActorCriticPolicy):  # type: ignore[misc, unused-ignore]
    """A policy whose values are spoiled as the course wants it."""

    course = Course(Path())
    passes = 0

    def evaluate_actions(self, *args: Any, **named: Any) -> tuple[Tensor, ...]:
        """In the training alone."""
        values, *others = super().evaluate_actions(*args, **named)
        self.passes += 1
        return self.course.spoil(self.passes - 1, values), *others


def recurrent(policy: Any = "MlpLstmPolicy") -> Any:
    """Six iterations for each 16 time steps."""
    return RecurrentPPO(
        policy, "CartPole-v1", n_steps=16, batch_size=8, n_epochs=3, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": 6, **SMALL},
    )  # fmt: skip


class TestRecurrentPPO(Conformance):
    """The suite of all callbacks."""

    callback = BacksightCallback
    iterations = 18
    module = "lstm_actor.l0"
    resumes = False
    tells_errors = False

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Three rollouts."""
        model = recurrent(type("Spoiled", (Spoiled,), {"course": course}))
        model.set_logger(configure(str(course.folder), ["json"]))
        try:
            with course.watching(model.policy, model.policy.optimizer):
                model.learn(48, callback=callbacks)
        finally:
            model.logger.close()
        policy: nn.Module = model.policy
        return policy

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What the logger wrote."""
        lines = (folder / "progress.json").read_text().splitlines()
        return points_of(map(json.loads, lines))


def test_a_training_goes_on_with_its_run_where_the_counter_does(tmp_path: Path) -> None:
    model, callback = recurrent(), BacksightCallback(tmp_path / "run", every=3)
    model.learn(16, callback=callback)
    model.learn(16, callback=callback, reset_num_timesteps=False)
    assert Run(tmp_path / "run").iterations == 12
    model.learn(16, callback=callback)
    assert Run(tmp_path / "run-2").iterations == 6

    kept, other = callback.state_dict(), BacksightCallback(tmp_path / "run", every=3)
    other.load_state_dict(kept)
    model.learn(16, callback=other, reset_num_timesteps=False)
    assert Run(tmp_path / "run-2").iterations == 12


@pytest.mark.parametrize(
    ("algorithm", "options", "objective"),
    [(A2C, {"n_steps": 4}, False), (PPO, {"n_steps": 16, "batch_size": 8}, False),
     (DQN, {"learning_starts": 4, "batch_size": 4}, None)],
)  # fmt: skip
def test_algorithms_without_memory_are_recorded(
    tmp_path: Path, algorithm: Any, options: dict[str, Any], objective: bool | None
) -> None:
    """The loss of a policy gradient is not what the training brings down; a value's is."""
    model = algorithm(
        "MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs=dict(SMALL), **options
    )
    model.learn(32, callback=BacksightCallback(tmp_path / "run"))
    run = Run(tmp_path / "run")
    assert run.iterations > 0
    assert run.status == "finished"
    assert run.info["config"]["facts"].get("objective") == objective


def test_every_optimizer_of_an_actor_and_a_critic_is_observed(tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run")
    model = SAC(
        "MlpPolicy", "Pendulum-v1", device="cpu", learning_starts=4, policy_kwargs=dict(SMALL)
    )
    found: set[int] = set()

    def look(*_: Any) -> bool:
        monitor = callback._session.monitor
        found.add(0 if monitor is None else len(monitor.optimizers))
        return True

    model.learn(8, callback=[callback, ConvertCallback(look)])
    assert found == {3}  # the actor, the critics, the temperature


def test_names_that_are_too_long_stay_out_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It shortens them, and raises where two are the same then."""
    policy = {"lstm_hidden_size": 6, **SMALL}
    model = RecurrentPPO(
        "MlpLstmPolicy", "CartPole-v1", n_steps=16, batch_size=8, n_epochs=1, device="cpu",
        policy_kwargs=policy, verbose=1,
    )  # fmt: skip
    model.policy.add_module("a_very_long_name_of_a_module", model.policy.lstm_actor)
    model.learn(48, callback=BacksightCallback(tmp_path / "run", every=1))
    told = capsys.readouterr().out
    assert "backsight/" in told
    assert "horizon/" in told
    assert torch.isfinite(next(model.policy.parameters())).all()
