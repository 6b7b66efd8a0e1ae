"""Is what memory and reach are read as true of networks that are made to forget, hold or amplify?

``python -m benchmarks.memory.readings``

Each network is made by hand, so that its reading is known, and watched for one iteration, as a
script is that nobody has changed. What counts as flat, and as grown, was chosen by the draw of seed
1; the other draws came later. A minute on two cores.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backsight import watch
from backsight.signals import Run, measure_memory, measure_reach, memory_reading
from benchmarks._shared.harness import publish

SEEDS = (1, 2, 3)
STEPS, BATCH, UNITS = 60, 32, 32
CUT = 10
"""Steps before the loss at which the state is detached, where it is."""


@dataclass(frozen=True)
class Made:
    """A network, and what is known of it."""

    reading: str
    how: str
    make: Callable[[], nn.RNNBase]
    detached: bool = False


def main() -> None:
    """Print and publish the table."""
    rows = [_row(one, seed) for seed in SEEDS for one in _networks()]
    for seed in SEEDS:
        own = [row for row in rows if row["seed"] == seed]
        right = sum(row["read as"] == row["made to"] for row in own)
        print(f"seed {seed}: {right} of {len(own)} readings are right")
    publish(
        "memory readings",
        f"{STEPS} steps of noise, {BATCH} sequences, {UNITS} units, a loss on the last state; one "
        "watched iteration each",
        rows,
    )


def _row(one: Made, seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    net: Any = one.make()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    x = torch.randn(STEPS, BATCH, 4)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        with watch(net, optimizer, path, every=1):
            state = None
            for part in torch.split(x, [STEPS - CUT, CUT] if one.detached else [STEPS]):
                output, state = net(part) if state is None else net(part, state)
                kept = state if isinstance(state, tuple) else (state,)
                cut = tuple(tensor.detach() for tensor in kept)
                state = cut if isinstance(state, tuple) else cut[0]
            output[-1].sum().backward()
            optimizer.step()
        run = Run(path)
        lags, row = (run.profile(f"{name}/l0").rows[0] for name in ("memory_lag", "memory"))
        memory, reach = measure_memory(lags, row), measure_reach(run.profile("reach/l0").rows[0])
    return {
        "network": one.how,
        "seed": seed,
        "made to": one.reading,
        "read as": memory_reading(memory, reach) or "nothing",
        "memory length": str(memory.length),
        "horizon": str(reach.horizon),
    }


def _networks() -> list[Made]:
    found: list[Made] = []
    for keep in (0.3, 0.6):
        found.append(Made("forgets", f"RNN that keeps {keep:g}", _leaky(keep)))
    found += [
        Made("forgets", "RNN as PyTorch draws it", lambda: nn.RNN(4, UNITS)),
        Made("forgets", "GRU, update gate open", _gru(-3.0)),
        Made("forgets", "LSTM as PyTorch draws it", lambda: nn.LSTM(4, UNITS)),
    ]
    for detached, reading in ((False, "holds"), (True, "untaught")):
        cut = ", detached" * detached
        found += [
            Made(reading, f"orthogonal RNN, faint inputs{cut}", _orthogonal(0.02), detached),
            Made(reading, f"diagonal RNN that keeps 0.99{cut}", _leaky(0.99, 0.02), detached),
            Made(reading, f"GRU, update gate shut{cut}", _gru(5.0), detached),
            Made(reading, f"GRU, update gate shut further{cut}", _gru(6.0), detached),
            Made(reading, f"LSTM, forget gate open{cut}", _lstm(6.0), detached),
        ]
    for size in (1e-2, 1e-3):
        found += [
            Made("unkept", f"RNN, half its units fed {size:g}", _shut(size)),
        ]
    found.append(Made("unkept", "GRU, half its units fed 0.001", _gru_shut(1e-3)))
    for gain in (2.5, 3.0, 4.0, 5.0):
        how = f"RNN with a gain of {gain:g}"
        found.append(Made("sensitive", how, _chaotic(gain)))
    return found


def _changed(net: Any, change: Callable[[Any], None]) -> Any:
    with torch.no_grad():
        change(net)
    return net


def _leaky(keep: float, fed: float = 1.0) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(keep * torch.eye(UNITS))
        net.weight_ih_l0.mul_(fed)

    return lambda: _changed(nn.RNN(4, UNITS, bias=False), change)


def _orthogonal(fed: float) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        nn.init.orthogonal_(net.weight_hh_l0)
        net.weight_ih_l0.mul_(fed)

    return lambda: _changed(nn.RNN(4, UNITS, bias=False), change)


def _gru(bias: float) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        net.bias_ih_l0[UNITS : 2 * UNITS] += bias

    return lambda: _changed(nn.GRU(4, UNITS), change)


def _lstm(bias: float) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        net.bias_ih_l0[UNITS : 2 * UNITS] += bias
        net.weight_ih_l0.mul_(0.1)

    return lambda: _changed(nn.LSTM(4, UNITS), change)


def _shut(fed: float) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(torch.diag((torch.arange(UNITS) >= UNITS // 2).float()))
        net.weight_ih_l0[UNITS // 2 :] *= fed

    return lambda: _changed(nn.RNN(4, UNITS, bias=False), change)


def _gru_shut(fed: float) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        half = UNITS // 2
        net.weight_hh_l0.zero_()
        net.bias_ih_l0[UNITS : UNITS + half] -= 6
        net.bias_ih_l0[UNITS + half : 2 * UNITS] += 7
        net.weight_ih_l0[2 * UNITS + half :] *= fed
        net.bias_ih_l0[2 * UNITS + half :] = 0.0
        net.bias_hh_l0[2 * UNITS + half :] = 0.0

    return lambda: _changed(nn.GRU(4, UNITS), change)


def _chaotic(gain: float) -> Callable[[], nn.RNNBase]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(gain * torch.randn(UNITS, UNITS) / UNITS**0.5)
        net.weight_ih_l0.mul_(0.1)

    return lambda: _changed(nn.RNN(4, UNITS, bias=False), change)


if __name__ == "__main__":
    main()
