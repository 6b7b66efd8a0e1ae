"""What every callback shares: one training, watched while a trainer runs it."""

import logging
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from torch import nn
from torch.optim import Optimizer

from backsight._switch import is_off
from backsight.errors import BacksightError, SettingError
from backsight.guard import Guard, Policy, check_together, policies_from
from backsight.integrations._headlines import Headlines
from backsight.monitor import Measurement, Sink, Watching, is_process_observed, watch
from backsight.monitor.events import Every
from backsight.probes import parameters_of

__all__ = ["Session", "WatchOptions"]

_log = logging.getLogger("backsight")

_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
"""Those that have begun and have not ended."""


class WatchOptions(TypedDict, total=False):
    """What a callback takes as :func:`backsight.watch` does, by the same names."""

    every: Every
    budget: float
    sequences: int | None
    inputs: str | Sequence[str] | None
    layout: Literal["auto", "batch", "time"]
    config: Mapping[str, Any] | None
    lag: int | None
    baseline: float | None
    objective: bool
    measurements: Iterable[Measurement]
    to: str | Sink | Iterable[str | Sink]


class Session:
    """One training at a time: watched from :meth:`begin` to :meth:`end`, guarded where asked.

    A training that somebody else observes already (``backsight run``, another callback) is left to
    them, which is said once. An error of ours never reaches the trainer; a setting that makes no
    sense does, before anything is trained.

    Args:
        run: the folder to create, ``runs/<model>-<number>`` by default; the callback's second
            training goes to ``<run>-2``, and so on.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; None acts on
            nothing.
        options: those of :func:`backsight.watch`.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> import torch
        >>> from backsight.integrations._session import Session
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> session = Session("runs/mine", guard="skip", options={"every": 1})
        >>> session.begin(rnn, [optimizer])
        >>> rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        >>> optimizer.step()
        >>> saved = session.state_dict()
        >>> saved["watch"]["iteration"]
        1
        >>> session.end()
        >>> [(iteration, sorted(values)[0]) for iteration, values in session.headlines.take()]
        [(0, 'backsight/grad_norm')]
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        options: WatchOptions | None = None,
    ) -> None:
        given: dict[str, Any] = dict(options or {})
        known = WatchOptions.__annotations__
        for name in given:
            if name not in known:
                raise SettingError(
                    f"{name!r} is no option of this callback: it takes run, guard, "
                    f"{', '.join(known)}"
                )
        self._run, self._options = run, given
        self._policies = guard if guard is None or isinstance(guard, str) else list(guard)
        if guard is not None:
            check_together(self._made_policies())  # now, not when the training begins
        self._begun = 0
        self._saved: Mapping[str, Any] = {}
        self.monitor: Watching | None = None
        """Of the training under way; None where nothing is observed."""
        self.guard: Guard | None = None
        """Of the training under way; None where none is asked for."""
        self.headlines = Headlines()
        """What the trainer's own log may show."""

    def begin(self, model: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        """The training begins, or goes on where :meth:`load_state_dict` has been told.

        Args:
            model: what is trained.
            optimizers: whose steps are its iterations.

        Raises:
            BacksightError: a setting makes no sense, or the run folder cannot be created.
        """
        if self.monitor is not None:
            self.end()
        if is_off():
            return
        other = self._observed_elsewhere(model)
        if other:
            _log.warning("backsight: this callback records nothing: %s", other)
            return
        try:
            self._begin(model, optimizers)
        except BacksightError:
            self._let_go()
            raise
        except Exception as error:  # noqa: BLE001 - must not end the training
            self._let_go()
            _log.warning("backsight: the training is not observed: %r", error)

    def end(self, error: BaseException | None = None) -> None:
        """The training has ended. A second call does nothing.

        Args:
            error: what ended it, where something did.
        """
        _sessions.discard(self)
        monitor, guard = self.monitor, self.guard
        self.monitor = self.guard = None
        try:
            if monitor is not None:
                monitor.close(error)
        finally:
            if guard is not None:
                guard.close()

    def state_dict(self) -> dict[str, Any]:
        """For the trainer's checkpoint; to be taken between two iterations."""
        if self.monitor is None:
            return {}
        guard = {} if self.guard is None else {"guard": self.guard.state_dict()}
        return {"watch": self.monitor.state_dict(), **guard}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on, at the next :meth:`begin`, with the run that the checkpoint tells of."""
        self._saved = state

    # -- inside ----------------------------------------------------------------------------

    def _observed_elsewhere(self, model: nn.Module) -> str:
        if is_process_observed():
            return "backsight run records this training already"
        mine = set(map(id, parameters_of(model)))
        for other in _sessions:
            if other.monitor is not None and not mine.isdisjoint(other.monitor.parameters):
                return "another callback of Backsight records this training already; pass one"
        return ""

    def _begin(self, model: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        saved, self._saved = self._saved, {}
        policies = self._made_policies()
        if policies:
            self.guard = Guard(model, optimizers, *policies)
            if "guard" in saved:
                self.guard.load_state_dict(saved["guard"])
        to = self._options.get("to", ())
        sinks = [to] if isinstance(to, (str, Sink)) or not isinstance(to, Iterable) else list(to)
        options = self._options | {"to": [*sinks, self.headlines], "guard": self.guard}
        try:
            going_on = saved.get("watch")
            place = None if going_on else self._place(self._begun + 1)
            self.monitor = watch(model, optimizers, place, state=going_on, **options)
        except BacksightError as error:
            if not saved.get("watch"):
                raise
            _log.warning("backsight: a new run begins, as the earlier one cannot go on: %s", error)
            self.monitor = watch(model, optimizers, self._place(2), **options)
        self._begun += 1
        _sessions.add(self)

    def _made_policies(self) -> list[Policy]:
        if isinstance(self._policies, str):
            return policies_from(self._policies)
        return list(self._policies or ())

    def _place(self, number: int) -> Path | None:
        """Where the run is recorded; None for ``watch`` to choose."""
        if self._run is None:
            return None
        first = Path(self._run)
        if number == 1:
            return first
        while (place := first.with_name(f"{first.name}-{number}")).exists():
            number += 1
        return place

    def _let_go(self) -> None:
        guard, self.guard, self.monitor = self.guard, None, None
        if guard is not None:
            guard.close()
