"""skorch: a callback for ``NeuralNet`` and its kin, in ``fit``, ``partial_fit`` and a search."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Unpack

from backsight.integrations._harmless import harmless, harmless_begin
from backsight.integrations._needs import require

require("skorch", extra="skorch", at_least="1.0")

from skorch.callbacks import Callback  # noqa: E402

from backsight.guard import Policy  # noqa: E402
from backsight.integrations._session import Session, WatchOptions  # noqa: E402
from backsight.signals import Run  # noqa: E402

__all__ = ["BacksightCallback"]

KEPT = 20_000
"""Batches whose rows in the history wait for their numbers; the oldest are let go."""


class BacksightCallback(Callback):  # type: ignore[misc, unused-ignore]
    """Records what a net trains, one iteration for each step of its optimizer.

    The numbers stand in ``net.history`` at the batch that they belong to, and the newest at the
    epoch. Each ``fit`` has a run of its own (``<run>``, ``<run>-2`` and so on), also in a search,
    whose clones have the same settings; ``partial_fit``, and ``fit`` with ``warm_start``, go on
    with theirs. So does a net that was pickled.

    Args:
        run: the folder to create, ``runs/<model>-<number>`` by default.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; by default
            none acts.
        options: those of :func:`backsight.watch`, such as ``every=100``.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> import torch
        >>> from skorch import NeuralNetRegressor
        >>> from backsight.integrations.skorch import BacksightCallback
        >>> class Last(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rnn = torch.nn.RNN(3, 1, batch_first=True)
        ...     def forward(self, x):
        ...         return self.rnn(x)[0][:, -1]
        >>> callback = BacksightCallback("runs/mine", every=1)
        >>> settings = dict(batch_size=4, max_epochs=2, train_split=None, verbose=0)
        >>> net = NeuralNetRegressor(Last, callbacks=[callback], **settings)
        >>> net = net.fit(torch.rand(8, 12, 3), torch.rand(8, 1))
        >>> callback.run_.iterations
        4
        >>> "backsight/horizon/rnn.l0" in net.history[0]["batches"][0]
        True
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        # As scikit-learn has it: what was given, unchanged, by its name. ``_`` ends what is not.
        self.run = run
        self.guard = guard
        for name, value in options.items():
            setattr(self, name, value)
        self.initialize()

    def initialize(self) -> "BacksightCallback":
        """A net is made anew: so is what is recorded of it."""
        given = self.get_params(deep=False)
        run, guard = given.pop("run"), given.pop("guard")
        before = getattr(self, "session_", None)
        if before is not None:
            before.end()
        self.session_ = Session(run, guard=guard, options=given, library="skorch", numbered=True)
        self.rows_: dict[int, dict[str, Any]] = {}
        return self

    @property
    def run_(self) -> Run | None:
        """Of the training under way, or of the last one; None where this process recorded none."""
        return self.session_.run

    def __getstate__(self) -> dict[str, Any]:
        """What was given, and where the run stands: nothing that is open."""
        return {"given": self.get_params(deep=False), "saved": self.session_.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state["given"])
        self.initialize()
        self.session_.load_state_dict(state["saved"])

    # -- what skorch calls -----------------------------------------------------------------

    @harmless_begin
    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Begin, or go on with the run of the call before."""
        models = {name: getattr(net, f"{name}_") for name in net._modules}
        optimizers = [getattr(net, f"{name}_") for name in net._optimizers]
        before = self.session_.state_dict()
        if before:
            self.session_.load_state_dict(before)
        self.session_.begin(models if len(models) > 1 else next(iter(models.values())), optimizers)

    @harmless
    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool | None = None, **_: Any
    ) -> None:
        """Know the batch's row of the history by its iteration, and fill in what has come."""
        monitor = self.session_.monitor
        if not training or monitor is None:
            return
        self.rows_[monitor.iteration] = net.history[-1]["batches"][-1]
        self._fill_in()

    @harmless
    def on_epoch_end(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **_: Any
    ) -> None:
        """A mark in the table that skorch prints where there is a new finding."""
        if self.session_.monitor is None:
            return
        self.session_.settle()
        self._fill_in()
        net.history.record("event_finding", bool(self.session_.found()))

    @harmless
    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """End."""
        self.session_.end()
        self._fill_in()
        self.rows_ = {}

    def _fill_in(self) -> None:
        for iteration, values in self.session_.headlines.take():
            row = self.rows_.get(iteration)
            if row is not None:
                row.update(values)
        while len(self.rows_) > KEPT:
            del self.rows_[next(iter(self.rows_))]
