"""One training for the benchmark of overhead: plain, watched, or a script for ``backsight run``.

Prints one line of JSON: seconds and seconds of CPU a step, after a start that is left out; with
``--count``, Python calls and operations of PyTorch a step instead.
"""

import argparse
import gc
import json
import logging
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

__all__ = ["MODELS"]

SYMBOLS = 64
WARM_UP = 20
"""Steps that are left out: kernels are found, memory is there, the first two samples are taken."""


class CharModel(nn.Module):
    """Embedding, a recurrent layer, a head."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, SYMBOLS)
        self.layer = kind(SYMBOLS, hidden, batch_first=True)
        self.head = nn.Linear(hidden, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T)`` to ``(B, T, symbols)``."""
        result: Tensor = self.head(self.layer(self.embedding(x))[0])
        return result


class CellLoop(nn.Module):
    """A loop over an LSTM cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(16, 64), nn.Linear(64, 16)

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, 16)`` to ``(B, 16)``."""
        state = None
        for step in x:
            state = self.cell(step, state)
        assert state is not None
        result: Tensor = self.head(state[0])
        return result


class Deep(nn.Module):
    """A thousand small linear layers behind a recurrent one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(8, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(1000))

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, 8)`` to ``(B, 8)``."""
        states: Tensor = self.layer(x)[0][-1]
        for layer in self.layers:
            states = states + 0.01 * layer(states).tanh()
        return states


class Many(nn.Module):
    """Two thousand small parameters beside a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(8, 8)
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(8)) for _ in range(2000))

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, 8)`` to ``(2000, B, 8)``."""
        states: Tensor = self.layer(x)[0][-1]
        return torch.stack(list(self.scales))[:, None] * states


Losses = Callable[[], Tensor]


def _chars(
    kind: type[nn.LSTM] | type[nn.GRU], hidden: int, steps: int, batch: int
) -> tuple[nn.Module, Losses]:
    model, text = CharModel(kind, hidden), torch.randint(SYMBOLS, (batch, steps + 1))
    return model, lambda: cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


def _squares(model: nn.Module, *shape: int) -> tuple[nn.Module, Losses]:
    x = torch.randn(shape)
    return model, lambda: model(x).square().mean()


MODELS: dict[str, Callable[[], tuple[nn.Module, Losses]]] = {
    "lstm": lambda: _chars(nn.LSTM, 256, 50, 32),
    "lstm12": lambda: _chars(nn.LSTM, 256, 50, 12),  # a step takes half as long
    "gru": lambda: _chars(nn.GRU, 64, 25, 16),
    "cells": lambda: _squares(CellLoop(), 100, 16, 16),
    "layers": lambda: _squares(Deep(), 10, 4, 8),
    "tensors": lambda: _squares(Many(), 10, 4, 8),
}
"""By name, a model and its loss."""


def main() -> None:
    """Train, and print the cost of a step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("steps", type=int)
    parser.add_argument("--watch", help="watch it, and record there")
    parser.add_argument("--count", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, loss_of = MODELS[options.model]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            loss_of().backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    watched: Any = nullcontext()
    if options.watch:
        import backsight

        watched = backsight.watch(model, optimizer, options.watch)
    with watched:
        train(WARM_UP)
        gc.collect()
        if options.count:
            result = _counted(train, options.steps)
        else:
            began, cpu_began = time.perf_counter(), time.process_time()
            train(options.steps)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
            result = {"seconds": seconds / options.steps, "cpu": cpu / options.steps}
    print(json.dumps(result))


def _counted(train: Callable[[int], None], steps: int) -> dict[str, float]:
    """Python calls in this thread, operations and copies a step: the fewest of some for calls, as
    what several iterations have left is recorded in one or the other."""
    counts = []
    calls = 0

    def called(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    for _ in range(steps):
        calls = 0
        sys.setprofile(called)
        train(1)
        sys.setprofile(None)
        counts.append(calls)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        train(steps)
    ran = {e.key: e.count for e in profiler.key_averages() if e.key.startswith("aten::")}
    copies = sum(ran.get(f"aten::{name}", 0) for name in ("copy_", "clone"))
    return {"calls": min(counts), "ops": sum(ran.values()) / steps, "copies": copies / steps}


if __name__ == "__main__":
    main()
