"""Ignite: a handler for the engine that trains."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from torch import nn
from torch.optim import Optimizer

from backsight.integrations._headlines import one_row
from backsight.integrations._needs import require

require("pytorch-ignite", extra="ignite", at_least="0.5")

from ignite.engine import Engine, Events  # noqa: E402

from backsight.guard import Policy  # noqa: E402
from backsight.integrations._session import Session, WatchOptions  # noqa: E402

__all__ = ["BacksightHandler"]


class BacksightHandler:
    """Records what an engine trains, one iteration for each step of the optimizer.

    The newest numbers are in ``engine.state.metrics``, where any logger of ignite's finds them, with
    ``backsight/iteration``, the step that they belong to. In ``Checkpoint(to_save={…})``, the
    handler is an object as the model is: from there, the run goes on.

    Args:
        model: what is trained.
        optimizer: whose steps are its iterations, or a list of those that step together.
        run: the folder to create, ``runs/<model>-<number>`` by default; the engine's next run goes
            to ``<run>-2``.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; by default
            none acts.
        options: those of :func:`backsight.watch`, such as ``every=100``.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> import backsight, torch
        >>> from ignite.engine import create_supervised_trainer
        >>> from backsight.integrations.ignite import BacksightHandler
        >>> model = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> loss = lambda output, target: (output[0][-1] - target).square().mean()
        >>> engine = create_supervised_trainer(model, optimizer, loss)
        >>> handler = BacksightHandler(model, optimizer, "runs/mine", every=1).attach(engine)
        >>> _ = engine.run([(torch.rand(12, 2, 3), torch.rand(2, 4))] * 3, max_epochs=2)
        >>> backsight.Run("runs/mine").iterations, engine.state.metrics["backsight/iteration"]
        (6, 5)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | Iterable[Optimizer],
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        self._model = model
        single = isinstance(optimizer, Optimizer) or not isinstance(optimizer, Iterable)
        self._optimizers: list[Any] = [optimizer] if single else list(optimizer)  # type: ignore[arg-type]
        self.session = Session(run, guard=guard, options=options)
        self._saved: Mapping[str, Any] = {}

    def attach(self, engine: Engine) -> Self:
        """Hear of what the engine does.

        Args:
            engine: the one that trains; attach loggers after it.
        """
        engine.add_event_handler(Events.STARTED, self._started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._tell)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch_completed)
        engine.add_event_handler(Events.TERMINATE, self._ended)
        engine.add_event_handler(Events.COMPLETED, self._ended)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._failed)
        return self

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands, for ignite's ``Checkpoint``."""
        return self.session.state_dict() or dict(self._saved)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that run when the engine next runs."""
        self.session.load_state_dict(state)

    # -- what the engine calls -------------------------------------------------------------

    def _started(self, engine: Any) -> None:
        self.session.begin(self._model, self._optimizers)

    def _tell(self, engine: Any) -> None:
        row = one_row(self.session.headlines.newest())
        if row:
            engine.state.metrics.update(row)

    def _epoch_completed(self, engine: Any) -> None:
        self.session.settle()
        self._tell(engine)

    def _ended(self, engine: Any) -> None:
        if self.session.monitor is not None:
            watch = self.session.state_dict().get("watch")
            self._saved = {"watch": watch} if watch else {}
            self.session.end()
            self._tell(engine)

    def _failed(self, engine: Any, error: BaseException) -> None:
        self.session.end(error)
        # An engine raises the error unless somebody hears of it: for us alone, it still does.
        heard = getattr(engine, "_event_handlers", {}).get(Events.EXCEPTION_RAISED, ())
        if len(heard) <= 1:
            raise error
