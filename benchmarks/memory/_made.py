"""Networks that are made to forget, hold or amplify, with which the thresholds were chosen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["BATCH", "FEATURES", "Made", "changed", "networks", "windows"]

STEPS, BATCH, FEATURES, UNITS = 60, 32, 4, 32
CUT = 10
"""Steps before the loss at which the state is detached, where it is."""

Making = Callable[[], tuple[nn.Module, Callable[[], Tensor]]]
"""Draws a network and its input: the model, and its loss, which is called once."""


@dataclass(frozen=True)
class Made:
    """A network, and what is known of it."""

    reading: str
    how: str
    make: Making
    layer: str = "l0"
    """Whose memory and reach are read."""


def changed(net: Any, change: Callable[[Any], None]) -> Any:
    """``net``, with other numbers."""
    with torch.no_grad():
        change(net)
    return net


def windows(net: Any, x: Tensor, sizes: list[int]) -> Tensor:
    """The output over the last of some windows; the state is handed on, detached."""
    state: Any = None
    for part in torch.split(x, sizes):
        output, state = net(part) if state is None else net(part, state)
        kept = state if isinstance(state, tuple) else (state,)
        cut = tuple(tensor.detach() for tensor in kept)
        state = cut if isinstance(state, tuple) else cut[0]
    result: Tensor = output
    return result


def networks() -> list[Made]:
    """All of them."""
    found: list[Made] = []
    for keep in (0.3, 0.6, 0.8, 0.84):
        found.append(_fused("forgets", f"RNN that keeps {keep:g}", _leaky(keep)))
    found += [
        _fused("forgets", "RNN as PyTorch draws it", lambda: nn.RNN(FEATURES, UNITS)),
        _fused("forgets", "GRU, update gate open", _gru(-3.0)),
        _fused("forgets", "LSTM as PyTorch draws it", lambda: nn.LSTM(FEATURES, UNITS)),
    ]
    for detached, reading in ((False, "holds"), (True, "untaught")):
        cut = ", detached" * detached
        found += [
            _fused(reading, f"orthogonal RNN, faint inputs{cut}", _orthogonal(0.02), detached),
            _fused(reading, f"diagonal RNN that keeps 0.99{cut}", _leaky(0.99, 0.02), detached),
            _fused(reading, f"GRU, update gate shut{cut}", _gru(5.0), detached),
            _fused(reading, f"GRU, update gate shut further{cut}", _gru(6.0), detached),
            _fused(reading, f"LSTM, forget gate open{cut}", _lstm(6.0), detached),
        ]
    for size in (1e-2, 1e-3):
        found.append(_fused("unkept", f"RNN, half its units fed {size:g}", _shut(size)))
    found.append(_fused("unkept", "GRU, half its units fed 0.001", _gru_shut(1e-3)))
    for gain in (2.5, 3.0, 4.0, 5.0):
        found.append(_fused("sensitive", f"RNN with a gain of {gain:g}", _chaotic(gain)))
    return found


def _fused(reading: str, how: str, draw: Callable[[], nn.Module], detached: bool = False) -> Made:
    def make() -> tuple[nn.Module, Callable[[], Tensor]]:
        net = draw()
        x = torch.randn(STEPS, BATCH, FEATURES)
        sizes = [STEPS - CUT, CUT] if detached else [STEPS]
        return net, lambda: windows(net, x, sizes)[-1].sum()

    return Made(reading, how, make)


def _leaky(keep: float, fed: float = 1.0) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(keep * torch.eye(UNITS))
        net.weight_ih_l0.mul_(fed)

    return lambda: changed(nn.RNN(FEATURES, UNITS, bias=False), change)


def _orthogonal(fed: float) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        nn.init.orthogonal_(net.weight_hh_l0)
        net.weight_ih_l0.mul_(fed)

    return lambda: changed(nn.RNN(FEATURES, UNITS, bias=False), change)


def _gru(bias: float) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        net.bias_ih_l0[UNITS : 2 * UNITS] += bias

    return lambda: changed(nn.GRU(FEATURES, UNITS), change)


def _lstm(bias: float) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        net.bias_ih_l0[UNITS : 2 * UNITS] += bias
        net.weight_ih_l0.mul_(0.1)

    return lambda: changed(nn.LSTM(FEATURES, UNITS), change)


def _shut(fed: float) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(torch.diag((torch.arange(UNITS) >= UNITS // 2).float()))
        net.weight_ih_l0[UNITS // 2 :] *= fed

    return lambda: changed(nn.RNN(FEATURES, UNITS, bias=False), change)


def _gru_shut(fed: float) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        half = UNITS // 2
        net.weight_hh_l0.zero_()
        net.bias_ih_l0[UNITS : UNITS + half] -= 6
        net.bias_ih_l0[UNITS + half : 2 * UNITS] += 7
        net.weight_ih_l0[2 * UNITS + half :] *= fed
        net.bias_ih_l0[2 * UNITS + half :] = 0.0
        net.bias_hh_l0[2 * UNITS + half :] = 0.0

    return lambda: changed(nn.GRU(FEATURES, UNITS), change)


def _chaotic(gain: float) -> Callable[[], nn.Module]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(gain * torch.randn(UNITS, UNITS) / UNITS**0.5)
        net.weight_ih_l0.mul_(0.1)

    return lambda: changed(nn.RNN(FEATURES, UNITS, bias=False), change)
