"""Runs that are made to fail in a known way, and runs that only look like it.

Two halves: on ``fit`` thresholds may be looked at, ``held-out`` is for the figures that are
published. They share kinds of failure, and neither seeds nor settings: the second half has other
tasks, sizes, cells or rates for each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from _sources import Flowing, Noise, Sums, Text, Waves
from _training import Plan
from _troubles import (
    Constant,
    Growing,
    Padded,
    Small,
    Widened,
    growing_weights,
    huge_step,
    missing,
    rates,
    silent_after,
    wrong_targets,
)
from backsight.tasks import Adding, Copying, Echo, Mixture, TemporalOrder

__all__ = ["CASES", "SEEDS", "Case", "Half"]

Half = Literal["fit", "held-out"]
SEEDS: dict[Half, tuple[int, ...]] = {"fit": (0, 1, 2), "held-out": (200, 201, 202)}


@dataclass(frozen=True)
class Case:
    """A run for each seed."""

    half: Half
    made_for: str
    """The kind of failure, or ``healthy``; see ``_outcomes.KINDS``."""
    name: str
    plan: Plan | Callable[[int], Plan]
    """One, or one by seed."""
    builds_up: bool = False
    """Whether it goes wrong little by little, so that a warning is possible at all."""
    also: tuple[str, ...] = ()
    """Codes that are true of this one beside those of its kind."""

    @property
    def key(self) -> str:
        """A folder's name."""
        return f"{self.half} {self.made_for} {self.name}".replace(" ", "-").replace("/", "-")

    def of(self, seed: int) -> Plan:
        """What is trained with that seed."""
        return self.plan(seed) if callable(self.plan) else self.plan


def at(seed: int) -> int:
    """When trouble comes: after a while, with each seed at another time, never in a sample."""
    when = 221 + 37 * seed % 150
    return when + (when % 10 == 0)


def _gradual(start: float, factor: float, since: int) -> Callable[[int], float]:
    return lambda iteration: start * factor ** max(0, iteration - since)


def _raised(usual: float, high: float, when: int) -> Callable[[int], float]:
    return lambda iteration: usual if iteration < when else high


def _warm(high: float, until: int) -> Callable[[int], float]:
    return lambda iteration: high * min(1.0, (iteration + 1) / until)


FIT = [
    # healthy
    ("healthy", "text, RNN", Plan(Text())),
    ("healthy", "text, GRU", Plan(Text(), cell="gru", lr=1e-2)),
    ("healthy", "text, LSTM", Plan(Text(), cell="lstm", lr=1e-2)),
    ("healthy", "echo of 2 steps in 50, RNN", Plan(Echo(50, 2))),
    ("healthy", "echo of 2 steps in 100, LSTM", Plan(Echo(100, 2), cell="lstm", lr=1e-2)),
    ("healthy", "waves, RNN", Plan(Waves())),
    # near misses
    ("healthy", "near exploding: gain 1.3", Plan(Text(), init="gaussian", gain=1.3)),
    ("healthy", "near exploding: rate 1", Plan(Text(), optimizer="sgd", lr=1.0)),
    ("healthy", "near exploding: momentum 0.9",
     Plan(Text(), optimizer="sgd", lr=0.1, momentum=0.9)),
    ("healthy", "near vanishing: orthogonal, order 50",
     # At a rate that does not fall most seeds have spikes of their own.
     Plan(TemporalOrder(50), init="orthogonal", hidden=50, batch=32, clip=1,
          meddle=rates(_gradual(1e-3, 0.997, 150)), iterations=700)),
    ("healthy", "near vanishing: slow starter",
     Plan(Adding(20), cell="lstm", batch=32, lr=1e-2, iterations=1000)),
    ("healthy", "near constant data: one channel", Plan(Widened(Waves()))),
    ("healthy", "near constant data: padding", Plan(Padded(Text()))),
    ("healthy", "near tight clip: half of the steps", Plan(Text(), clip=0.35)),
    ("healthy", "near small updates: rate 3e-4", Plan(Text(), lr=3e-4, iterations=700)),
    ("healthy", "near frozen: not given to the optimizer",
     Plan(Text(), left_out="layer.weight_hh")),
    ("healthy", "near spike: batch of 4", Plan(Text(), batch=4)),
    ("healthy", "near collapse: longer and longer",
     Plan(Growing(Waves, 10, 60, 50, 5))),
    ("healthy", "near spike: loss near zero", Plan(Echo(30, 1), cell="gru", lr=2e-2)),
    ("healthy", "near detached: carried state",
     lambda seed: Plan(Flowing(20, 16, 1), cell="gru", lr=1e-2, carried=True)),
    ("healthy", "near saturation: input times 2", Plan(Waves(scale=2.0))),
    ("healthy", "near drift: LSTM that sums",
     Plan(Waves(60), cell="lstm", lr=1e-2)),
    ("healthy", "near oscillation: full batch", Plan(Small(Waves(30)), optimizer="sgd", lr=0.03)),
    ("healthy", "near large updates: warm-up to 1e-2",
     Plan(Text(), meddle=rates(_warm(1e-2, 100)))),
    ("healthy", "near short-term: mixture that is bridged",
     Plan(Mixture(30, 3), cell="gru", lr=1e-2, iterations=700)),
    # through time
    ("vanishing", "order 50", Plan(TemporalOrder(50), lr=1e-3, iterations=400)),
    ("vanishing", "adding 100", Plan(Adding(100), lr=3e-3, iterations=400)),
    ("vanishing", "copying 100", Plan(Copying(100), cell="lstm", lr=1e-2, iterations=500)),
    ("vanishing", "order 200", Plan(TemporalOrder(200), lr=1e-3, iterations=300)),
    ("drift", "sums, identity ReLU",
     Plan(Sums(50), cell="rnn-relu", init="identity", lr=1e-3)),
    ("drift", "sums, orthogonal ReLU",
     Plan(Sums(60), cell="rnn-relu", init="identity", lr=3e-4, hidden=16)),
    ("saturation", "input times 300", Plan(Waves(25, scale=300.0), lr=1e-4)),
    ("saturation", "gain 15", Plan(Waves(), init="gaussian", gain=15, lr=1e-4)),
    ("short-term", "mixture of 1 and 30",
     Plan(Mixture(60, 30), lr=3e-3, iterations=1000, notes={"short": 0.5})),
    # stability
    ("exploding", "gain 3", Plan(Waves(), init="gaussian", gain=3, optimizer="sgd", lr=0.1)),
    ("exploding", "rate 5", Plan(Text(), optimizer="sgd", lr=5)),
    ("exploding", "momentum 0.99",
     Plan(Waves(), optimizer="sgd", lr=0.2, momentum=0.99), True),
    ("exploding", "identity ReLU",
     Plan(Waves(60), cell="rnn-relu", init="identity", gain=1.3, optimizer="sgd", lr=0.1)),
    ("collapse", "rate that grows by 1 %",
     Plan(Waves(30), optimizer="sgd", iterations=700, meddle=rates(_gradual(0.05, 1.01, 0))), True),
    ("collapse", "text, rate that grows by 1 %",
     Plan(Text(20), optimizer="sgd", iterations=700, meddle=rates(_gradual(0.1, 1.01, 0))), True),
    ("collapse", "weights that grow, ReLU",
     Plan(Waves(30), cell="rnn-relu", init="orthogonal", optimizer="sgd", lr=0.02, iterations=700,
          meddle=growing_weights(1.003, 200)), True),
    ("collapse", "rate raised",
     lambda seed: Plan(Text(20), meddle=rates(_raised(3e-3, 0.5, at(seed))))),
    ("spike", "a batch of wrong scale",
     lambda seed: Plan(Waves(), optimizer="sgd", lr=0.05, spoil=wrong_targets(at(seed), 10.0),
                       clip=1.0, notes={"trouble_at": at(seed)})),
    ("spike", "one huge step",
     lambda seed: Plan(Text(20), optimizer="sgd", lr=0.5, iterations=600,
                       meddle=huge_step(at(seed), 0.5, 30.0), notes={"trouble_at": at(seed)})),
    ("oscillation", "momentum 0.995, full batch, waves",
     Plan(Small(Waves(20)), hidden=16, optimizer="sgd", lr=0.05, momentum=0.995, iterations=300)),
    ("oscillation", "momentum 0.995, full batch, sums",
     Plan(Small(Sums(20)), hidden=16, optimizer="sgd", lr=0.05, momentum=0.995, iterations=300)),
    # learning
    ("no learning", "labels of noise", Plan(Noise(20), hidden=16, lr=1e-3, iterations=1000)),
    ("no learning", "text, shuffled targets",
     Plan(Noise(15, 8, every_step=True), cell="gru", hidden=16, lr=1e-3, iterations=1000)),
    ("updates too small", "rate 1e-7", Plan(Text(20), lr=1e-7, iterations=900)),
    ("saturation", "rate 0.3", Plan(Text(20), lr=0.3)),
    ("updates too large", "weight decay eats the weights", Plan(Text(20), lr=0.1, weight_decay=1)),
    # wiring
    ("detached", "between windows inside one loss",
     Plan(Text(40), cut=(10, 20, 30))),
    ("detached", "cells, at one step", Plan(Echo(30, 2), cell="gru", unrolled=True, cut=(22,),
                                            lr=1e-2, iterations=300)),
    ("frozen", "no gradient wanted", Plan(Text(), still="layer.weight_hh")),
    ("frozen", "head takes detached states", Plan(Text(), silent=True)),
    ("clip too tight", "text, 0.005", Plan(Text(), optimizer="sgd", lr=0.5, clip=0.005)),
    ("clip too tight", "waves, Adam", Plan(Waves(), clip=0.001)),
    ("data not finite", "text",
     lambda seed: Plan(Text(20), spoil=missing(at(seed)))),
    ("data not finite", "waves, from the first batch", Plan(Waves(), spoil=missing(0))),
    ("data constant", "zeros", Plan(Constant(Text(20)), iterations=300)),
]  # fmt: skip

HELD_OUT = [
    # healthy
    ("healthy", "text, 48 units, SGD", Plan(Text(40, 3), hidden=48, optimizer="sgd", lr=0.5)),
    ("healthy", "text, two LSTMs", Plan(Text(25, 4), cell="lstm", layers=2, hidden=24, lr=1e-2)),
    ("healthy", "text, GRU, batch of 32", Plan(Text(20, 5), cell="gru", batch=32, lr=5e-3)),
    ("healthy", "echo of 1 step in 100, GRU",
     Plan(Echo(100, 1, 5), cell="gru", hidden=16, lr=1e-2, iterations=400)),
    ("healthy", "echo of 3 steps in 60, RNN", Plan(Echo(60, 3), hidden=48, iterations=700)),
    ("healthy", "waves, LSTM", Plan(Waves(70, noise=0.2), cell="lstm", lr=5e-3)),
    # near misses
    ("healthy", "near exploding: gain 1.2, waves",
     Plan(Waves(60), init="orthogonal", gain=1.2, hidden=24, lr=2e-3)),
    ("healthy", "near exploding: rate 2e-2", Plan(Waves(30), cell="gru", lr=2e-2)),
    ("healthy", "near exploding: momentum 0.9",
     Plan(Waves(50), optimizer="sgd", lr=0.03, momentum=0.9)),
    ("healthy", "near exploding: identity ReLU, clipped",
     Plan(Text(20, 6), cell="rnn-relu", init="identity", clip=1.0, lr=1e-3)),
    ("healthy", "near vanishing: orthogonal, order 30",
     Plan(TemporalOrder(30), init="orthogonal", hidden=40, batch=32, clip=1, lr=3e-4,
          iterations=1000)),
    ("healthy", "near vanishing: slow starter",
     Plan(Adding(30), cell="gru", batch=32, lr=1e-2, iterations=1000)),
    ("healthy", "near constant data: one channel", Plan(Widened(Text(20, 3), 5.0))),
    ("healthy", "near constant data: padding",
     Plan(Padded(Echo(50, 1)), cell="gru", lr=1e-2, iterations=400)),
    ("healthy", "near tight clip: half of the steps", Plan(Waves(), cell="gru", lr=1e-2, clip=0.2)),
    ("healthy", "near small updates: rate 5e-4",
     Plan(Waves(30), optimizer="adam", lr=5e-4, iterations=700)),
    ("healthy", "near frozen: not given to the optimizer",
     Plan(Waves(), cell="lstm", lr=1e-2, left_out="layer.weight_ih")),
    ("healthy", "near spike: batch of 2", Plan(Waves(noise=0.3), batch=2)),
    ("healthy", "near collapse: longer and longer",
     Plan(Growing(lambda steps: Echo(steps, 2), 8, 50, 40, 4), cell="lstm", lr=1e-2)),
    ("healthy", "near spike: loss near zero", Plan(Sums(30, -1, 1), cell="gru", lr=1e-2)),
    ("healthy", "near detached: carried state",
     lambda seed: Plan(Flowing(15, 16, 2), hidden=24, carried=True)),
    ("healthy", "near saturation: input times 3", Plan(Waves(scale=3.0), cell="gru", lr=5e-3)),
    ("healthy", "near drift: tanh that sums", Plan(Sums(60, -1, 1), lr=1e-3)),
    ("healthy", "near oscillation: full batch",
     Plan(Small(Text(20, 6)), optimizer="sgd", lr=0.03, momentum=0.5)),
    ("healthy", "near large updates: rate that falls",
     Plan(Text(20, 7), cell="gru", meddle=rates(lambda i: 2e-2 * 0.995**i))),
    ("healthy", "near short-term: mixture that is bridged",
     Plan(Mixture(25, 4), cell="lstm", lr=2e-2, iterations=800)),
    # through time
    ("vanishing", "order 100", Plan(TemporalOrder(100), hidden=24, lr=1e-3, iterations=300)),
    ("vanishing", "adding 200", Plan(Adding(200), batch=24, lr=3e-3, iterations=300)),
    ("vanishing", "copying 200",
     Plan(Copying(200), cell="lstm", hidden=40, lr=1e-2, iterations=500)),
    ("vanishing", "copying 50", Plan(Copying(50), cell="lstm", hidden=24, lr=5e-3, iterations=600)),
    ("vanishing", "order 100, LSTM",
     Plan(TemporalOrder(100), cell="lstm", hidden=24, lr=1e-3, iterations=300)),
    ("drift", "sums of other numbers, identity ReLU",
     Plan(Sums(80, 0.5, 1.5), cell="rnn-relu", init="identity", hidden=24, lr=5e-4)),
    ("drift", "sums, identity ReLU, SGD",
     Plan(Sums(40), cell="rnn-relu", init="identity", optimizer="sgd", lr=0.003, clip=0.1)),
    ("saturation", "input times 2000", Plan(Waves(40, scale=2000.0), hidden=48, lr=2e-4)),
    ("saturation", "gain 20, text", Plan(Text(20, 3), init="gaussian", gain=20, lr=1e-4)),
    ("short-term", "mixture of 1 and 40, GRU",
     Plan(Mixture(80, 40), cell="gru", hidden=24, lr=5e-3, iterations=800, notes={"short": 0.5})),
    # stability
    ("exploding", "gain 6, two layers",
     Plan(Waves(30), init="gaussian", gain=6, layers=2, hidden=24, optimizer="sgd", lr=0.1)),
    ("exploding", "rate 2, GRU", Plan(Waves(50), cell="gru", optimizer="sgd", lr=3)),
    ("exploding", "momentum 0.99, text",
     Plan(Text(20, 3), optimizer="sgd", lr=0.5, momentum=0.99), True),
    ("exploding", "identity ReLU, sums",
     Plan(Sums(60), cell="rnn-relu", hidden=24, init="identity", gain=1.25, optimizer="sgd",
          lr=0.05)),
    ("collapse", "rate that grows by 0.7 %, LSTM",
     Plan(Waves(40), cell="lstm", optimizer="sgd", iterations=900,
          meddle=rates(_gradual(0.1, 1.007, 0))), True),
    ("collapse", "rate that grows by 2 %, momentum 0.9",
     Plan(Text(20, 3), optimizer="sgd", momentum=0.9, iterations=500,
          meddle=rates(_gradual(0.05, 1.02, 150))), True),
    ("collapse", "weights that grow, tanh",
     Plan(Waves(40), init="orthogonal", optimizer="sgd", lr=0.1, iterations=700,
          meddle=growing_weights(1.004, 150)), True),
    ("collapse", "rate raised, echo",
     lambda seed: Plan(Echo(40, 2), meddle=rates(_raised(3e-3, 0.5, at(seed))), lr=3e-3)),
    ("collapse", "one step without a clip",
     lambda seed: Plan(Waves(30), optimizer="sgd", lr=0.1, iterations=500,
                       meddle=huge_step(at(seed), 0.1, 100.0))),
    ("spike", "a batch of wrong labels",
     lambda seed: Plan(Echo(40, 1), cell="gru", lr=1e-2, spoil=wrong_targets(at(seed)),
                       iterations=600, notes={"trouble_at": at(seed)})),
    ("spike", "one huge step, waves",
     lambda seed: Plan(Waves(50), cell="lstm", optimizer="adam", lr=5e-3, iterations=700,
                       meddle=huge_step(at(seed), 5e-3, 2.0), notes={"trouble_at": at(seed)})),
    ("oscillation", "full batch, every step as long as the clip",
     Plan(Small(Sums(30)), optimizer="sgd", lr=1.0, clip=0.1, iterations=400), False, ("BS403",)),
    ("oscillation", "momentum 0.995, full batch, LSTM",
     Plan(Small(Waves(30)), cell="lstm", hidden=24, optimizer="sgd", lr=0.03, momentum=0.995,
          iterations=350)),
    # learning
    ("no learning", "labels of noise, GRU",
     Plan(Noise(12, 8), cell="gru", hidden=16, batch=32, lr=1e-3, iterations=1000)),
    ("no learning", "noise at every step",
     Plan(Noise(10, 3, every_step=True), hidden=16, lr=3e-3, iterations=1000)),
    ("updates too small", "rate 1e-5, SGD",
     Plan(Text(15, 5), cell="lstm", hidden=24, optimizer="sgd", lr=1e-5, iterations=900)),
    ("updates too large", "weight decay eats the weights, GRU",
     Plan(Waves(), cell="gru", lr=0.1, weight_decay=1)),
    ("updates too large", "weight decay eats the weights, SGD",
     Plan(Text(20, 3), optimizer="sgd", lr=1, weight_decay=0.3)),
    # wiring
    ("detached", "two windows inside one loss, LSTM",
     Plan(Waves(40), cell="lstm", lr=1e-2, cut=(30,))),
    ("detached", "cells, every few steps",
     Plan(Waves(24), unrolled=True, cut=(6, 12, 18), iterations=300)),
    ("frozen", "input matrix, LSTM", Plan(Waves(), cell="lstm", lr=1e-2, still="layer.weight_ih")),
    ("frozen", "head", Plan(Text(20, 3), cell="gru", lr=1e-2, still="head.weight")),
    ("clip too tight", "waves, SGD",
     Plan(Waves(30), cell="gru", optimizer="sgd", lr=0.5, clip=0.002)),
    ("clip too tight", "text, Adam", Plan(Text(20, 4), cell="lstm", lr=3e-3, clip=0.002)),
    ("data not finite", "waves, infinity",
     lambda seed: Plan(Waves(30), cell="gru", lr=1e-2, spoil=missing(at(seed), float("inf")))),
    ("data not finite", "echo",
     lambda seed: Plan(Echo(30, 1), cell="lstm", lr=1e-2, spoil=missing(at(seed)))),
    ("data constant", "ones, waves", Plan(Constant(Waves(30), 1.0), cell="gru", iterations=300)),
    ("data constant", "silent from some iteration on",
     lambda seed: Plan(Text(20, 5), spoil=silent_after(at(seed)))),
]  # fmt: skip

CASES: tuple[Case, ...] = tuple(
    [Case("fit", *row) for row in FIT]  # type: ignore[arg-type]
    + [Case("held-out", *row) for row in HELD_OUT]  # type: ignore[arg-type]
)
