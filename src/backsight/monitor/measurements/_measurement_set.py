"""The measurements of a monitor: fed, timed, and kept from harming each other or the training."""

import gc
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from backsight.errors import SettingError
from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import (
    EVENTS,
    LayerFaults,
    Measurement,
    Schedule,
)
from backsight.probes import hangs_on_spent, inspection
from backsight.signals import CATALOGUE, family

__all__ = ["MeasurementSet", "check_measurements"]

_log = logging.getLogger("backsight")

LOOKED_AT = frozenset({"on_graph_whole", "on_backward_end", "on_step_begin", "on_step_end"})
"""Events that are not fed where PyTorch itself looks at the operations of the training."""


class _Listener(NamedTuple):
    """A measurement that an event is fed to; what is asked of it once costs no step anything."""

    one: Measurement
    told: Callable[..., None]
    timed: bool
    """Whether its time counts towards the budget."""
    own: bool
    """Whether it is Backsight's."""
    signals: tuple[str, ...]


Listening = dict[str, list[_Listener]]
"""By event."""


def check_measurements(ours: Sequence[Measurement], theirs: Any) -> list[Measurement]:
    """All of them, ours first, once they have been found to go together.

    Args:
        ours: those that every monitor has.
        theirs: the user's own.

    Raises:
        SettingError: something is no measurement, records nothing, or records what another does.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.monitor.measurements import Loss, Measurement, check_measurements
        >>> class Another(Measurement):
        ...     signals = ("loss",)
        >>> try:
        ...     check_measurements([Loss()], [Another()])
        ... except SettingError:
        ...     print("the loss is recorded already")
        the loss is recorded already
    """
    taken: dict[str, Measurement] = {}
    found = list(ours)
    if isinstance(theirs, (str, Measurement)) or not isinstance(theirs, Iterable):
        raise SettingError(
            f"measurements expects a list of Measurement objects, not {theirs!r:.80}"
        )
    for one in theirs:
        if isinstance(one, type) and issubclass(one, Measurement):
            raise SettingError(
                f"measurements expects objects, but {one.__name__} is a class: write "
                f"{one.__name__}()"
            )
        if not isinstance(one, Measurement):
            raise SettingError(
                "measurements expects objects of subclasses of backsight.Measurement, "
                f"not {one!r:.80}"
            )
        name = name_of(one)
        _check_events(one, name)
        for signal in _signals_of(one, name):
            if signal in CATALOGUE or signal in taken:
                owner = "Backsight itself" if signal in CATALOGUE else name_of(taken[signal])
                raise SettingError(
                    f"{name} records {signal!r}, which {owner} records already: give the signal "
                    "another name"
                )
            taken[signal] = one
        if any(one is other for other in found):
            raise SettingError(f"measurements contains the same {name} twice: give it once")
        found.append(one)
    return found


def _signals_of(one: Measurement, name: str) -> Collection[str]:
    """Raise a SettingError where they are no names, or none of a family."""
    signals: Any = one.signals
    if isinstance(signals, str) or not isinstance(signals, Collection) or not signals:
        such = signals if signals and isinstance(signals, str) else "my_signal"
        raise SettingError(
            f"{name}.signals must be a tuple of the signals it records, such as "
            f'("{such}",), not {signals!r}'
        )
    for signal in signals:
        if not isinstance(signal, str) or not signal.isprintable() or not family(signal):
            raise SettingError(
                f"{name}.signals contains {signal!r}, which is not a valid signal name"
            )
        if signal != family(signal):
            raise SettingError(
                f"{name}.signals must name families of signals: write {family(signal)!r} instead "
                f"of {signal!r}"
            )
    return signals


def _defines(one: Measurement, event: str) -> bool:
    """In its class, or as an attribute of its own."""
    return getattr(getattr(one, event), "__func__", None) is not getattr(Measurement, event)


@cache
def _defined_by(kind: type[Measurement]) -> tuple[str, ...]:
    """Events that a class of Backsight's defines: nobody gives one to an object of it."""
    return tuple(
        event for event in EVENTS if getattr(kind, event) is not getattr(Measurement, event)
    )


def _check_events(one: Measurement, name: str) -> None:
    """Raise a SettingError where it would never be fed, or not as its author thinks."""
    defined = [event for event in dir(one) if event.startswith("on_")]
    wrong = [event for event in defined if event not in EVENTS]
    if wrong:
        raise SettingError(f"{name}.{wrong[0]} is not an event: the events are {', '.join(EVENTS)}")
    if not any(_defines(one, event) for event in EVENTS):
        raise SettingError(f"{name} handles no event: define one of {', '.join(EVENTS)}")
    if not isinstance(one.schedule, Schedule):
        raise SettingError(
            f"{name}.schedule must be EVERY_ITERATION, SAMPLED or every_nth_sample(n) of "
            f"backsight.monitor, not {one.schedule!r}"
        )


def name_of(measurement: Measurement) -> str:
    """What a measurement is called in a message."""
    return measurement.name or type(measurement).__name__


def _switch(one: Measurement, off: frozenset[str]) -> None:
    """Also of a class that is frozen, which has no state of its own."""
    object.__setattr__(one, "off", off)


@contextmanager
def _untouched() -> Iterator[None]:
    """Random numbers and the gradient mode are afterwards what they were."""
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    with_grad = torch.is_grad_enabled()
    with torch.random.fork_rng([torch.cuda.current_device()] if cuda else []):
        try:
            yield
        finally:
            torch.set_grad_enabled(with_grad)


class MeasurementSet:
    """Feeds each event to the measurements that define it and are due.

    Args:
        measurements: in the order in which they are fed.
        clock: seconds, of which only differences count.

    Example:
        >>> import time
        >>> from backsight.monitor.measurements import MEASUREMENTS, MeasurementSet
        >>> each = MeasurementSet([kind() for kind in MEASUREMENTS], clock=time.perf_counter)
        >>> len(each.measurements) == len(MEASUREMENTS), each.switched_off
        (True, ())
    """

    def __init__(self, measurements: Sequence[Measurement], clock: Callable[[], float]) -> None:
        self.measurements = tuple(measurements)
        self._clock = clock
        self.feeding = False
        """Whether an event is being fed: what happens in the meantime is a measurement's doing."""
        self.passed_over: dict[str, list[int]] = {}
        """By what of PyTorch's looked on, iterations of which something was not fed."""
        self._off: set[int] = set()
        """Identities of those that are switched off altogether."""
        # Once: what a property of the user's raises later must not reach the training.
        self._signals = {id(one): tuple(one.signals) for one in self.measurements}
        self._schedules = {id(one): one.schedule for one in self.measurements}
        for one in self.measurements:
            _switch(one, frozenset())
        self._growing = any(one.growing for one in self._schedules.values())
        self._defined = self._all_listening()
        self._usual = self._listening(None, None)
        self._now = self._usual
        self._cells_usual = any(not one.samples_cells for one, *_ in self._usual["on_forward_end"])
        self.usual = False
        """Whether this iteration is neither sampled nor looked at, and all who are due in it are
        Backsight's own, of whom none reads in it later what an event of it was about."""
        self.ends_late = False
        """Whether all who are due at the end of this iteration may be told later."""
        self._usual_ends_late = all(one.may_wait for one, *_ in self._usual["on_iteration_end"])
        self._usual_ours = all(one.own for each in self._usual.values() for one in each)
        self.tells_cells = True
        """Whether anybody is due in this iteration to be told of the calls of cells."""

    @property
    def switched_off(self) -> tuple[tuple[str, str], ...]:
        """Names of those that have failed, and the layers that they failed for (or "")."""
        return tuple(
            (name_of(one), layer)
            for one in self.measurements
            for layer in (*sorted(one.off), *[""] * (id(one) in self._off))
        )

    def begin(self, now: Iteration) -> None:
        """A new iteration begins."""
        usual = now.sample is None and not now.looked
        self._now = self._usual if usual else self._listening(now.sample, now.number)
        self.tells_cells = not usual or self._cells_usual
        self.usual = usual and self._usual_ours
        self.ends_late = usual and self._usual_ends_late
        self.feed("on_iteration_begin", now)

    def grow(self, now: Iteration) -> bool:
        """The gradient has left its usual range: whoever waits for that is due in this iteration.

        Returns:
            whether anybody does.
        """
        if self._growing:
            self._now = self._listening(now.sample, now.number, growing=True)
        return self._growing

    def listens(self, event: str) -> bool:
        """Whether anybody is due in this iteration to be told of ``event``."""
        return bool(self._now[event])

    def feed_end(self, now: Iteration) -> None:
        """Tell later that an iteration has ended in which :attr:`ends_late` was true."""
        self.feed("on_iteration_end", now, listening=self._usual)

    def feed(
        self,
        event: str,
        now: Iteration,
        subject: Any = None,
        layer: str | None = None,
        looks: str | None = None,
        listening: Listening | None = None,
    ) -> None:
        """Tell everybody who is due.

        Args:
            event: one of :data:`EVENTS`.
            now: the iteration under way.
            subject: what the event is about, where it is about anything but the iteration.
            layer: the path of the layer that it is about; None where it is about no single one.
            looks: what of PyTorch's looks on (``inspection``); None where nobody has asked yet.
            listening: who is due; those of this iteration by default.
        """
        listeners = (self._now if listening is None else listening)[event]
        if not listeners:
            return
        if looks is None and event in LOOKED_AT:
            looks = inspection()
        if looks:
            passed = self.passed_over.setdefault(looks, [])
            if now.number not in passed[-1:]:
                passed.append(now.number)
            return
        arguments = (now,) if subject is None else (subject, now)
        before, self.feeding = self.feeding, True
        users, quiet, collects = None, None, False
        if now.sample is not None or now.looked:  # the others compute in tensors alone
            # An infinite gradient makes NumPy warn, or raise, as the user says.
            users = np.geterr()
            quiet = np.errstate(all="ignore")
            quiet.__enter__()
            # A look makes thousands of objects and drops them again: a garbage collector that they
            # wake up would go through all of the process's.
            collects = gc.isenabled()
            gc.disable()
        try:
            for one, told, timed, own, signals in listeners:
                if (self._off and id(one) in self._off) or (one.off and layer in one.off):
                    continue
                began = self._clock() if timed else 0.0
                now.declared = signals
                try:
                    if own:
                        told(*arguments)
                    else:  # ours are known to draw no random numbers; a user's may
                        with _untouched(), np.errstate(**(users or np.geterr())):
                            told(*arguments)
                except LayerFaults as faults:
                    for path, error in faults.errors.items():
                        self._failed(one, path, error)
                except Exception as error:  # noqa: BLE001 - it must not end the training
                    # Backward has freed what was to be read: it fails next, and BKS418 tells why.
                    if not (isinstance(subject, BackwardPass) and hangs_on_spent(subject.roots)):
                        self._failed(one, layer, error)
                if timed:
                    now.spent += self._clock() - began
        finally:
            self.feeding = before
            if quiet is not None:
                quiet.__exit__(None, None, None)
                if isinstance(subject, BackwardPass):
                    subject.forget()
            if collects:
                gc.enable()

    def _failed(self, one: Measurement, layer: str | None, error: Exception) -> None:
        """Switch it off, for that layer or altogether, and say so once."""
        if layer is None:
            self._off.add(id(one))
            of = ""
        else:
            if layer in one.off:  # told already
                return
            _switch(one, one.off | {layer})
            of = f" of {layer or 'model'}"
        _log.warning(
            "backsight: measuring %s%s failed and is switched off: %r", name_of(one), of, error
        )
        try:
            one.switched_off(layer)
        except Exception:  # noqa: BLE001 - it has failed already, and that was said
            self._off.add(id(one))

    def _all_listening(self) -> Listening:
        """Who defines each event, due or not."""
        listening: Listening = {event: [] for event in EVENTS}
        for one in self.measurements:
            kind: Any = type(one)
            ours = kind.__module__.startswith("backsight.")
            timed = self._schedules[id(one)].samples > 0
            signals = self._signals[id(one)]
            for event in _defined_by(kind) if ours else EVENTS:
                if ours or _defines(one, event):
                    told = getattr(one, event)
                    listening[event].append(_Listener(one, told, timed, ours, signals))
        return listening

    def _listening(
        self, sample: int | None, iteration: int | None, *, growing: bool = False
    ) -> Listening:
        """Who is due, by event; without an iteration, who is in every one."""
        due = {
            key
            for key, one in self._schedules.items()
            if one.due(sample, iteration) or (growing and one.growing)
        }
        return {
            event: [one for one in listeners if id(one.one) in due]
            for event, listeners in self._defined.items()
        }
