"""Ignite: a handler for the engine that trains."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from torch import nn
from torch.optim import Optimizer

from backsight.integrations._harmless import harmless, harmless_begin
from backsight.integrations._headlines import Shown
from backsight.integrations._needs import require

require("pytorch-ignite", extra="ignite", at_least="0.5")

from ignite.engine import Engine, Events  # noqa: E402

from backsight.guard import Policy  # noqa: E402
from backsight.integrations._session import Session, WatchOptions  # noqa: E402
from backsight.probes import listed_optimizers  # noqa: E402
from backsight.signals import Run  # noqa: E402

__all__ = ["BacksightHandler"]


class BacksightHandler:
    """Records what an engine trains, one iteration for each step of the optimizer.

    The newest numbers are in ``engine.state.metrics``, where any logger of ignite's finds them,
    with ``backsight/iteration`` and ``backsight/sampled``, the steps that they belong to. In
    ``Checkpoint(to_save={…})``, the handler is an object as the model is: the run goes on there.

    Args:
        run: the folder to create, ``runs/<model>-<number>`` by default; the engine's next run goes
            to ``<run>-2``.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; by default
            none acts.
        options: those of :func:`backsight.watch`, such as ``every=100``.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> import torch
        >>> from ignite.engine import create_supervised_trainer
        >>> from backsight.integrations.ignite import BacksightHandler
        >>> model = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> loss = lambda output, target: (output[0][-1] - target).square().mean()
        >>> engine = create_supervised_trainer(model, optimizer, loss)
        >>> handler = BacksightHandler("runs/mine", every=1).attach(engine, model, optimizer)
        >>> _ = engine.run([(torch.rand(12, 2, 3), torch.rand(2, 4))] * 3, max_epochs=2)
        >>> handler.run.iterations, engine.state.metrics["backsight/iteration"]
        (6, 5)
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        self._session = Session(run, guard=guard, options=options)
        self._shown = Shown()
        self._trained: tuple[Any, list[Optimizer]] | None = None

    @property
    def run(self) -> Run | None:
        """Of the training under way, or of the last one; None where this process recorded none."""
        return self._session.run

    def attach(
        self, engine: Engine, model: nn.Module, optimizer: Optimizer | Iterable[Optimizer]
    ) -> Self:
        """Hear of what an engine does.

        Args:
            engine: the one that trains; attach loggers after this.
            model: what it trains.
            optimizer: whose steps are its iterations, or a list of those that step together.
        """
        self._trained = model, listed_optimizers(optimizer)
        engine.add_event_handler(Events.STARTED, self._started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._tell)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch_completed)
        engine.add_event_handler(Events.TERMINATE, self._ended)
        engine.add_event_handler(Events.COMPLETED, self._ended)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._failed)
        return self

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands, for ignite's ``Checkpoint``."""
        return self._session.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that run when the engine next runs."""
        self._session.load_state_dict(state)

    # -- what the engine calls -------------------------------------------------------------

    @harmless_begin
    def _started(self, engine: Any) -> None:
        self._shown = Shown()
        if self._trained is not None:
            self._session.begin(*self._trained)

    @harmless
    def _tell(self, engine: Any) -> None:
        rows = self._session.rows()
        if rows and self._shown.take(rows):
            engine.state.metrics.update(self._shown.row)

    @harmless
    def _epoch_completed(self, engine: Any) -> None:
        self._session.settle()
        self._tell(engine)

    @harmless
    def _ended(self, engine: Any) -> None:
        if self._session.monitor is not None:
            self._session.end()
            self._tell(engine)

    def _failed(self, engine: Any, error: BaseException) -> None:
        self._session.end(error)
        # An engine raises the error unless somebody hears of it: for us alone, it still does.
        heard = getattr(engine, "_event_handlers", {}).get(Events.EXCEPTION_RAISED, ())
        if len(heard) <= 1:
            raise error
