"""What every callback shares: one training, watched while a trainer runs it."""

import atexit
import logging
import os
import re
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypedDict

from torch import nn
from torch.optim import Optimizer

from backsight._switch import is_off
from backsight.errors import BacksightError, RunError, SettingError
from backsight.guard import Guard, Policy, check_together, policies_from
from backsight.integrations._headlines import Headlines
from backsight.integrations._trainer_call import LEFT, TrainerCall
from backsight.monitor import Measurement, Sink, Watching, watch
from backsight.monitor.events import Every
from backsight.probes import parameters_of
from backsight.signals import Run

__all__ = ["Session", "WatchOptions", "end_those_left"]

_log = logging.getLogger("backsight")

TRIES = 20
"""Free numbers that another process may have taken first."""

_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
"""Those that have begun and have not ended."""

_to_notice: "set[Session]" = set()
"""Of these, those whose trainer may leave a training without telling."""


def end_those_left() -> None:
    """Close the runs of trainings that a trainer has left without telling its callbacks."""
    for session in list(_to_notice):
        session.end_if_left()


class WatchOptions(TypedDict, total=False):
    """What a callback takes as :func:`backsight.watch` does, by the same names."""

    every: Every
    budget: float
    sequences: int | None
    inputs: str | Sequence[str] | None
    layout: Literal["auto", "batch", "time"]
    deep: int | None
    config: Mapping[str, Any] | None
    lag: int | None
    baseline: float | None
    objective: bool
    measurements: Iterable[Measurement]
    to: str | Sink | Iterable[str | Sink]


class Session:
    """One training at a time: watched from :meth:`begin` to :meth:`end`, guarded where asked.

    A training that another callback observes already is left to it, which is said once. An error
    of ours never reaches the trainer; a setting that makes no
    sense does, before anything is trained.

    Args:
        run: the folder to create, ``runs/<model>-<number>`` by default; the callback's second
            training goes to ``<run>-2``, and so on.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; None acts on
            nothing.
        options: those of :func:`backsight.watch`.
        library: the trainer's package, where it tells its callbacks nothing of a training that
            raised: this is noticed then, at the next training or at the end of the process.
        numbered: whether the first training, too, takes a free number where the folder exists.

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
        library: str = "",
        numbered: bool = False,
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
        self._library, self._numbered = library, numbered
        self._call: TrainerCall | None = None
        self._kept: Any = None
        """What nobody else may keep alive while it is watched."""
        self._offset = 0
        self._shown = False
        self._policies = guard if guard is None or isinstance(guard, str) else list(guard)
        if guard is not None:
            check_together(self._made_policies())  # now, not when the training begins
        self._begun, self._process = 0, os.getpid()
        self._saved: Mapping[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._path: Path | None = None
        self.monitor: Watching | None = None
        """Of the training under way; None where nothing is observed."""
        self.guard: Guard | None = None
        """Of the training under way; None where none is asked for."""
        self.headlines = Headlines()
        """What the trainer's own log may show."""

    @property
    def run(self) -> Run | None:
        """Of the training under way, or of the last one; None where none was recorded here."""
        return None if self._path is None else Run(self._path)

    def begin(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        optimizers: Sequence[Optimizer] | None,
        step: int | None = None,
        defaults: WatchOptions | None = None,
    ) -> None:
        """The training begins, or goes on where :meth:`load_state_dict` has been told.

        Args:
            model: what is trained; several models of one training by their names.
            optimizers: whose steps are its iterations; None where the trainer moves the parameters
                by itself.
            step: how many the trainer has counted so far, where :meth:`rows` is to count as it
                does.
            defaults: options that hold where the caller has given no others.

        Raises:
            BacksightError: a setting makes no sense, or the run folder cannot be created.
        """
        if self.monitor is not None:
            self.end(self._cause())
        end_those_left()
        self._last, self._path = {}, None
        if is_off():
            return
        if isinstance(model, Mapping):
            model = self._kept = nn.ModuleDict(dict(model))
        other = self._observed_elsewhere(model)
        if other:
            _log.warning("backsight: this callback records nothing: %s", other)
            return
        try:
            self._begin(model, optimizers, defaults or {})
            self._offset = 0 if step is None or not self.monitor else step - self.monitor.iteration
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
        if self._library:
            _to_notice.discard(self)
            atexit.unregister(self._exit)
        self._last = self.state_dict()
        if "guard" in self._last:  # one good state will do, and the memory of others is free
            held = self._last["guard"]
            self._last["guard"] = held | {"snapshots": held["snapshots"][-1:]}
        monitor, guard = self.monitor, self.guard
        self.monitor = self.guard = self._call = self._kept = None
        try:
            if monitor is not None:
                monitor.close(error)
        finally:
            if guard is not None:
                guard.close()

    def state_dict(self) -> dict[str, Any]:
        """For the trainer's checkpoint; to be taken between two iterations.

        After :meth:`end`, how it ended: trainers write their last checkpoint after that.
        """
        if self.monitor is None:
            return self._last
        guard = {} if self.guard is None else {"guard": self.guard.state_dict()}
        try:
            return {"watch": self.monitor.state_dict(), **guard}
        except Exception as error:  # noqa: BLE001 - must not end the training
            _log.warning("backsight: this checkpoint cannot go on with the run: %r", error)
            return guard

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on, at the next :meth:`begin`, with the run that the checkpoint tells of."""
        self._saved = state

    # -- for the trainer's own log ---------------------------------------------------------

    def settle(self) -> None:
        """See that the log has something to show, the first time; to be called between iterations.

        A number takes up to a second to get to it, and a first epoch may be shorter.
        """
        monitor = self.monitor
        if self._shown or monitor is None or monitor.recorder is None or not monitor.iteration:
            return
        self._shown = True
        monitor.collect()
        monitor.recorder.flush()

    def rows(self) -> list[tuple[int, dict[str, float]]]:
        """What the log may show since the last call, each iteration by the trainer's step."""
        return [(at + self._offset, values) for at, values in self.headlines.take()]

    def found(self) -> str:
        """Codes of findings since the last call, with commas between them; notes are left out."""
        found = [finding for _, finding in self.headlines.take_findings()]
        grave = [finding["code"] for finding in found if finding["severity"] != "info"]
        return ", ".join(dict.fromkeys(grave))

    def end_if_left(self) -> None:
        """End a training whose trainer has returned or raised without telling it."""
        if self._call is not None and self._call.is_over:
            self.end(self._cause())

    # -- inside ----------------------------------------------------------------------------

    def _cause(self) -> BaseException:
        """Why the training ended that nobody has told the end of."""
        return (self._call and self._call.error) or RuntimeError(LEFT)

    def _exit(self) -> None:
        """The process ends in a training that nobody has told the end of."""
        error = self._call and self._call.error
        if error:  # else the recorder says that the process ended
            with suppress(Exception):  # it would be shown as the script's
                self.end(error)

    def _observed_elsewhere(self, model: nn.Module) -> str:
        mine = set(map(id, parameters_of(model)))
        for other in _sessions:
            if other.monitor is not None and not mine.isdisjoint(other.monitor.parameters):
                return "another callback of Backsight records this training already; pass one"
        return ""

    def _begin(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer] | None,
        defaults: Mapping[str, Any],
    ) -> None:
        saved, self._saved, self._shown = self._saved, {}, False
        policies = self._made_policies()
        if policies and optimizers is not None:
            self.guard = Guard(model, optimizers, *policies)
            try:
                if "guard" in saved:
                    self.guard.load_state_dict(saved["guard"])
            except SettingError as error:
                _log.warning("backsight: the guard begins anew: %s", error)
        elif policies:
            _log.warning(
                "backsight: the guard does nothing: it acts when an optimizer of PyTorch's steps, "
                "and this trainer moves the parameters by itself"
            )
        options = {**defaults, **self._options, "guard": self.guard}
        try:
            going_on = saved.get("watch")
            if going_on and self._is_elsewhere(going_on):
                going_on = None
                _log.warning("backsight: a new run begins in %s, not that of the checkpoint",
                             self._run)  # fmt: skip
            if going_on:
                self.monitor = watch(model, optimizers, state=going_on, **options)
            else:
                self.monitor = self._new(model, optimizers, self._begun + 1, options)
        except BacksightError as error:
            if not going_on:
                raise
            _log.warning("backsight: a new run begins, as the earlier one cannot go on: %s", error)
            self.monitor = self._new(model, optimizers, 2, options)
        self._begun = self._begun + (not going_on) or 1
        self._path = None if self.monitor.recorder is None else self.monitor.recorder.path
        if self.monitor.recorder is not None:
            self.headlines.listen(self.monitor.recorder)
        if self._library:
            self._call = TrainerCall(self._library)
            _to_notice.add(self)
            atexit.register(self._exit)  # after the recorder's, so that it runs before
        _sessions.add(self)

    def _new(self, model: Any, optimizers: Any, number: int, options: Any) -> Watching:
        """Watch in a new run; of processes that take free numbers, another may be first."""
        for _ in range(TRIES if self._numbered else 0):
            with suppress(RunError):
                return watch(model, optimizers, self._place(number), **options)
        return watch(model, optimizers, self._place(number), **options)

    def _made_policies(self) -> list[Policy]:
        if isinstance(self._policies, str):
            return policies_from(self._policies)
        return list(self._policies or ())

    def _place(self, number: int) -> Path | None:
        """Where the run is recorded; None for ``watch`` to choose."""
        if self._run is None:
            return None
        first = Path(self._run)
        counted = self._process == os.getpid()  # else an earlier training was another process's
        if number == 1 and ((counted and not self._numbered) or not first.exists()):
            return first
        number = max(2, number)
        while (place := first.with_name(f"{first.name}-{number}")).exists():
            number += 1
        return place

    def _is_elsewhere(self, state: Mapping[str, Any]) -> bool:
        """Whether a run is asked for that is not the checkpoint's; ``mine-2`` is ``mine``'s."""
        if self._run is None:
            return False
        mine, saved = Path(self._run).absolute(), Path(str(state.get("run"))).absolute()
        ours = re.fullmatch(rf"{re.escape(mine.name)}(-\d+)?", saved.name)
        return saved.parent != mine.parent or ours is None

    def __getstate__(self) -> dict[str, Any]:
        """For a copy, and for the processes that a trainer starts: what was asked for."""
        kept = ("_run", "_options", "_policies", "_library", "_numbered", "_begun", "_saved")
        return {name: vars(self)[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.monitor = self.guard = self._path = self._call = self._kept = None
        self._process, self._last, self._offset, self._shown = -1, {}, 0, False
        self.headlines = Headlines()

    def _let_go(self) -> None:
        guard, self.guard, self.monitor = self.guard, None, None
        if guard is not None:
            guard.close()
