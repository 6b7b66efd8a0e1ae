"""Stable-Baselines3 and sb3-contrib: a callback for ``model.learn``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from torch.optim import Optimizer

from backsight.integrations._harmless import harmless, harmless_begin
from backsight.integrations._headlines import Shown
from backsight.integrations._needs import require

require("stable-baselines3", extra="sb3", at_least="2.3")

from stable_baselines3.common.callbacks import BaseCallback  # noqa: E402
from stable_baselines3.dqn import DQN  # noqa: E402

from backsight.guard import Policy  # noqa: E402
from backsight.integrations._session import Session, WatchOptions  # noqa: E402
from backsight.signals import Run  # noqa: E402

__all__ = ["BacksightCallback"]

WIDTH = len("backsight/") + 33
"""How long a name may be for the table on the terminal, which cannot tell shortened ones apart."""


class BacksightCallback(BaseCallback):  # type: ignore[misc, unused-ignore]
    """Records what an algorithm trains, one iteration for each gradient step.

    An iteration is no time step: where the logger writes, ``backsight/iteration`` and
    ``backsight/sampled`` say to which gradient steps the newest numbers belong. The loss of a
    policy gradient is not what the training brings down, so that ``objective`` is False unless you
    say otherwise, but for value learning (DQN, QR-DQN). ``learn(…, reset_num_timesteps=False)``
    goes on with the run.

    Args:
        run: the folder to create, ``runs/<policy>-<number>`` by default; the next ``learn`` goes to
            ``<run>-2``.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; by default
            none acts.
        verbose: as of every callback of Stable-Baselines3; nothing depends on it.
        options: those of :func:`backsight.watch`, such as ``every=100``.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> from sb3_contrib import RecurrentPPO
        >>> from backsight.integrations.sb3 import BacksightCallback
        >>> size = dict(n_steps=16, batch_size=8, n_epochs=1, device="cpu")
        >>> model = RecurrentPPO("MlpLstmPolicy", "CartPole-v1", **size)
        >>> callback = BacksightCallback("runs/mine", every=1)
        >>> model = model.learn(32, callback=callback)
        >>> callback.run.iterations, "reach/lstm_actor.l0" in callback.run.names
        (4, True)
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        verbose: int = 0,
        **options: Unpack[WatchOptions],
    ) -> None:
        super().__init__(verbose)
        self._session = Session(run, guard=guard, options=options, library="stable_baselines3")
        self._shown = Shown()

    @property
    def run(self) -> Run | None:
        """Of the training under way, or of the last one; None where this process recorded none."""
        return self._session.run

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands, to be kept beside ``model.save``, which has no place for it."""
        return self._session.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that run at the next ``learn(…, reset_num_timesteps=False)``."""
        self._session.load_state_dict(state)

    # -- what the algorithm calls ----------------------------------------------------------

    @harmless_begin
    def _on_training_start(self) -> None:
        self._shown = Shown()
        before = self._session.state_dict()
        if before:
            self._session.load_state_dict(before if self.num_timesteps else {})
        learns_values = isinstance(self.model, DQN) or type(self.model).__name__ == "QRDQN"
        self._session.begin(
            self.model.policy, _optimizers_of(self.model), defaults={"objective": learns_values}
        )

    @harmless
    def _on_rollout_end(self) -> None:
        """After it, an algorithm writes its log, with whatever was recorded until then."""
        self._session.settle()
        self._shown.take(self._session.rows())
        for name, value in self._shown.row.items():
            long = ("stdout", "log") if len(name) > WIDTH else None
            self.logger.record(name, value, exclude=long)
        found = self._session.found()
        if found:
            self.logger.record("backsight/findings", found)

    def _on_step(self) -> bool:
        return True

    @harmless
    def _on_training_end(self) -> None:
        self._session.end()


def _optimizers_of(model: Any) -> list[Optimizer]:
    """Those of the policy and of its parts, and what else the algorithm moves, each once."""
    holders = [*model.policy.modules(), model]
    held = [value for one in holders for value in vars(one).values()]
    return list({id(value): value for value in held if isinstance(value, Optimizer)}.values())
