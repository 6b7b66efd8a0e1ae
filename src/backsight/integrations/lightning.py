"""Lightning: ``BacksightCallback``, for ``lightning.pytorch`` and ``pytorch_lightning``."""

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from torch import nn

from backsight.guard import Policy
from backsight.integrations._cadence import Cadence
from backsight.integrations._harmless import harmless
from backsight.integrations._lightning_base import callback_base
from backsight.integrations._needs import require
from backsight.integrations._session import Session, WatchOptions
from backsight.signals import Run

__all__ = ["BacksightCallback"]

COMPROMISED = ("2.6.2", "2.6.3")
"""Releases of both packages."""

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback
else:
    _found = require(
        "lightning", "pytorch-lightning", extra="lightning", at_least="2.4", never=COMPROMISED
    )
    Callback = callback_base(_found)

_log = logging.getLogger("backsight")


class BacksightCallback(Callback):  # type: ignore[misc, unused-ignore]
    """Records what ``Trainer.fit`` trains: one run for each training.

    Losses, gradients, hidden states and the reach are recorded as :func:`backsight.watch` does,
    with automatic and manual optimization, accumulation, every precision and under DDP, where the
    first process records. Training stays bit-identical. Validation, testing and the sanity check
    are left out.

    * Where the trainer has loggers, they get ``backsight/grad_norm``, and for each layer the
      horizon, the half-life and the norm of its states: a value for every ``log_every_n_steps``,
      at its own step.
    * A training that is resumed from a checkpoint of the trainer's goes on with its run.
    * A training that raises closes its run as failed.

    Args:
        run: the folder to create, ``runs/<module>-<number>`` by default.
        guard: what may act on the training: ``"safe"``, ``"clip=1,skip"`` or policies.
        options: those of :func:`backsight.watch`: ``every``, ``lag``, ``to`` and so on.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> import warnings
        >>> import torch
        >>> from lightning.pytorch import LightningModule, Trainer
        >>> from backsight.integrations.lightning import BacksightCallback
        >>> class Module(LightningModule):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rnn = torch.nn.RNN(3, 4, batch_first=True)
        ...     def training_step(self, x):
        ...         return self.rnn(x)[0][:, -1].square().mean()
        ...     def configure_optimizers(self):
        ...         return torch.optim.SGD(self.parameters(), lr=0.1)
        >>> callback = BacksightCallback("runs/mine", every=1)
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_steps=3, accelerator="cpu", callbacks=[callback], **quiet)
        >>> with warnings.catch_warnings(action="ignore"):
        ...     trainer.fit(Module(), torch.utils.data.DataLoader(torch.randn(12, 20, 3), 4))
        >>> callback.run.iterations, callback.run.profile("reach/rnn.l0").widths.tolist()
        (3, [20, 20, 20])
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        self._session = Session(run, guard=guard, options=options)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._cadence = Cadence(self._session.headlines)
        self._fits = False
        self._validation = ExitStack()
        self._logs = True

    @property
    def run(self) -> Run | None:
        """Of the training under way, or of the last one; None where this process recorded none."""
        return self._session.run

    # -- the trainer's hooks ---------------------------------------------------------------

    def setup(self, trainer: Any, pl_module: nn.Module, stage: str) -> None:
        """A checkpoint may be loaded next, for whatever is about to be done."""
        self._fits = stage == "fit"
        if self._fits:
            self._session.load_state_dict({})

    def on_train_start(self, trainer: Any, pl_module: nn.Module) -> None:
        """The weights and the optimizers are those to begin with; the sanity check is over.

        Raises:
            BacksightError: a setting makes no sense, or the run folder cannot be created.
        """
        self._session.begin(pl_module, trainer.optimizers)
        self._cadence.clear()
        self._logs = True

    @harmless
    def on_train_batch_start(
        self, trainer: Any, pl_module: nn.Module, batch: Any, batch_idx: int
    ) -> None:
        """What comes belongs to this step of the trainer."""
        if self._session.monitor is not None:
            self._cadence.note(self._session.monitor.next_iteration, _step(trainer))

    @harmless
    def on_train_batch_end(
        self, trainer: Any, pl_module: nn.Module, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log, as often as the trainer does."""
        every = trainer.log_every_n_steps
        if self._session.monitor is not None and every and (_step(trainer) + 1) % every == 0:
            self._log(trainer)

    @harmless
    def on_validation_start(self, trainer: Any, pl_module: nn.Module) -> None:
        """What a validation computes is no training, whatever it does with gradients."""
        if self._session.monitor is not None:
            self._validation.enter_context(self._session.monitor.paused())

    @harmless
    def on_validation_end(self, trainer: Any, pl_module: nn.Module) -> None:
        """Training goes on."""
        self._validation.close()

    @harmless
    def on_train_end(self, trainer: Any, pl_module: nn.Module) -> None:
        """It has ended as it should."""
        self._end(trainer)

    @harmless
    def on_exception(self, trainer: Any, pl_module: nn.Module, exception: BaseException) -> None:
        """Something ended it."""
        self._end(trainer, exception)

    @harmless
    def teardown(self, trainer: Any, pl_module: nn.Module, stage: str) -> None:
        """However it ended."""
        self._end(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands, for the trainer's checkpoint."""
        return self._session.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the run of a checkpoint that is trained further; not of one that is tested."""
        if self._fits:
            self._session.load_state_dict(state_dict)

    # -- inside ----------------------------------------------------------------------------

    def _end(self, trainer: Any, error: BaseException | None = None) -> None:
        if self._session.monitor is None:
            return
        self._validation.close()
        self._session.end(error)
        if trainer.log_every_n_steps:
            self._log(trainer, rest=True)

    def _log(self, trainer: Any, *, rest: bool = False) -> None:
        rows = self._cadence.take(trainer.log_every_n_steps, rest=rest)
        if not self._logs:
            return
        try:
            for step, values in rows:
                for logger in trainer.loggers:
                    logger.log_metrics(values, step=step)
        except Exception as error:  # noqa: BLE001 - must not end the training
            self._logs = False
            _log.warning("backsight: the trainer's logger gets no more numbers: %r", error)

    def __getstate__(self) -> dict[str, Any]:
        """For the processes that a trainer starts, and for copies: nothing of the training."""
        return {name: value for name, value in vars(self).items() if name not in _OF_A_TRAINING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin_anew()


_OF_A_TRAINING = ("_cadence", "_fits", "_validation", "_logs")


def _step(trainer: Any) -> int:
    """Where its own numbers stand in its log: the batch, of those that made a step."""
    loop = trainer.fit_loop.epoch_loop
    return int(getattr(loop, "_batches_that_stepped", trainer.global_step))
