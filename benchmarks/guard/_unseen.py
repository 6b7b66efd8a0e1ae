"""Settings that were fixed before anything was run on them: the guard was not made on these."""

import math

from backsight.tasks import Adding, Echo
from benchmarks._shared.plan import Plan
from benchmarks._shared.tasks import Chaos, Majority, Sums, Text, Waves
from benchmarks.guard._fragile import (
    ADAM,
    GAUSS,
    RELU,
    SGD,
    TEXT,
    WAVES,
    Setting,
    bad_batches,
    rising,
)

__all__ = ["UNSEEN", "UNSEEN_HEALTHY"]

CHAOS, MAJORITY = Chaos(30), Majority(31)

UNSEEN = (
    # tasks that the first settings do not have
    Setting("chaos, SGD 1", Plan(CHAOS, **SGD, lr=1)),
    Setting("chaos, GRU, Adam 0.1", Plan(CHAOS, **ADAM, cell="gru", lr=0.1)),
    Setting("chaos, LSTM, momentum 0.95, SGD 0.5",
            Plan(CHAOS, **SGD, cell="lstm", momentum=0.95, lr=0.5)),
    Setting("majority, SGD 3", Plan(MAJORITY, **SGD, lr=3)),
    Setting("majority, identity ReLU, Adam 0.02", Plan(MAJORITY, **ADAM, **RELU, lr=0.02)),
    Setting("sums, gain 3, SGD 0.1", Plan(Sums(50), **SGD, **GAUSS, gain=3, lr=0.1)),
    Setting("sums, Adam 0.1", Plan(Sums(50), **ADAM, lr=0.1)),
    # other shapes
    Setting("text, two layers, SGD 3", Plan(TEXT, **SGD, layers=2, lr=3)),
    Setting("text, two layers, LSTM, Adam 0.1", Plan(TEXT, **ADAM, cell="lstm", layers=2, lr=0.1)),
    Setting("text, batches of 4, SGD 2", Plan(TEXT, **SGD, batch=4, lr=2)),
    Setting("waves, 128 units, SGD 0.5", Plan(WAVES, **SGD, hidden=128, lr=0.5)),
    Setting("waves, 128 units, Adam 0.05", Plan(WAVES, **ADAM, hidden=128, lr=0.05)),
    # data of another scale, and bad batches of another kind
    Setting("waves, inputs times 100, Adam 3e-3", Plan(Waves(30, scale=100), **ADAM, lr=3e-3)),
    Setting("text, infinite inputs every 70",
            Plan(TEXT, **ADAM, lr=3e-3, spoil=bad_batches(70, math.inf, inputs=True))),
    Setting("waves, LSTM, targets times 1e4 every 40",
            Plan(WAVES, **ADAM, cell="lstm", lr=5e-3, spoil=bad_batches(40, 1e4))),
    # another start, momentum, schedule and precision
    Setting("waves, orthogonal times 1.5, SGD 0.2",
            Plan(WAVES, **SGD, init="orthogonal", gain=1.5, lr=0.2)),
    Setting("waves, momentum 0.999, SGD 0.02", Plan(WAVES, **SGD, momentum=0.999, lr=0.02)),
    Setting("echo, LSTM, Adam 0.2", Plan(Echo(30, 2), **ADAM, cell="lstm", lr=0.2)),
    Setting("text, LSTM, a rate that grows by 2 %",
            Plan(TEXT, **ADAM, cell="lstm", meddle=rising(1e-3, 1.02))),
    Setting("adding 40, LSTM, SGD 2, bf16", Plan(Adding(40), **SGD, cell="lstm", lr=2),
            "bfloat16"),
)  # fmt: skip

UNSEEN_HEALTHY = (
    Setting("chaos, GRU, Adam 3e-3", Plan(CHAOS, **ADAM, cell="gru", lr=3e-3)),
    Setting("majority, GRU, Adam 3e-3", Plan(MAJORITY, **ADAM, cell="gru", lr=3e-3)),
    Setting("sums, LSTM, Adam 3e-3", Plan(Sums(50), **ADAM, cell="lstm", lr=3e-3)),
    Setting("text, two layers, LSTM, Adam 3e-3",
            Plan(TEXT, **ADAM, cell="lstm", layers=2, lr=3e-3)),
    Setting("text, momentum 0.9, SGD 0.05", Plan(TEXT, **SGD, momentum=0.9, lr=0.05)),
    Setting("text 60, GRU, Adam 3e-3", Plan(Text(60), **ADAM, cell="gru", lr=3e-3)),
    Setting("waves, 128 units, Adam 1e-3", Plan(WAVES, **ADAM, hidden=128, lr=1e-3)),
    Setting("waves, GRU, Adam 3e-3, bf16", Plan(WAVES, **ADAM, cell="gru", lr=3e-3), "bfloat16"),
    Setting("waves, SGD, a rate that falls by 1 %", Plan(WAVES, **SGD, meddle=rising(0.05, 0.99))),
    Setting("echo, LSTM, Adam 5e-3", Plan(Echo(30, 2), **ADAM, cell="lstm", lr=5e-3)),
)  # fmt: skip
