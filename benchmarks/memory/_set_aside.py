"""Networks that are made to forget, hold or amplify, and that chose no threshold.

Other cells, ways to be called, windows and ways to be made than those of ``_made``; some are
taught. All were written down before any of them was read.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from backsight.nn import build_cell
from benchmarks.memory._made import BATCH, FEATURES, Made, changed, windows

__all__ = ["networks"]

STEPS, UNITS = 80, 24
CUT = 8
"""Steps before the loss at which the state is detached, where it is."""

Pair = tuple[nn.Module, Callable[[], Tensor]]


class Looped(nn.Module):
    """A cell that is called once a step; its state is detached before the last ``cut`` steps."""

    def __init__(self, cell: nn.Module, cut: int = 0) -> None:
        super().__init__()
        self.cell = cell
        self.cut = cut

    def forward(self, x: Tensor) -> Tensor:
        """The last state of ``(T, B, I)``."""
        state: Any = None
        for step, one in enumerate(x):
            if self.cut and step == len(x) - self.cut:
                kept = state if isinstance(state, tuple) else (state,)
                cut = tuple(tensor.detach() for tensor in kept)
                state = cut if isinstance(state, tuple) else cut[0]
            if state is None and isinstance(self.cell, Own):
                state = torch.zeros(len(one), UNITS)
            state = self.cell(one, state)
        last: Tensor = state[0] if isinstance(state, tuple) else state
        return last


class Own(nn.Module):
    """``h_t = keep ⊙ h_{t-1} + W x_t``, a module of one's own that is called once a step."""

    def __init__(self, keep: Tensor, fed: Tensor | float = 1.0) -> None:
        super().__init__()
        self.keep = nn.Parameter(keep)
        self.into = changed(
            nn.Linear(FEATURES, UNITS, bias=False), lambda net: net.weight.mul_(fed)
        )

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next state."""
        kept: Tensor = self.keep * h + self.into(x)
        return kept


class Logistic(nn.Module):
    """The logistic map of each unit, which doubles a difference per step at 4, nudged by inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.full((UNITS,), 3.9))
        self.into = nn.Linear(FEATURES, UNITS)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next state, between 0 and 1."""
        return (self.rate * h * (1 - h)) * 0.98 + 0.01 + 0.005 * torch.tanh(self.into(x))


class Mapped(Looped):
    """A loop over the map, from the middle."""

    def forward(self, x: Tensor) -> Tensor:
        """The last state."""
        h = torch.full((x.shape[1], UNITS), 0.3)
        for one in x:
            h = self.cell(one, h)
        return h


def networks() -> list[Made]:
    """All of them."""
    return [*_forgetting(), *_holding(), *_untaught(), *_unkept(), *_sensitive()]


def _forgetting() -> list[Made]:
    return [
        Made("forgets", "GRUCell as PyTorch draws it", _looped(lambda: nn.GRUCell(FEATURES, UNITS)),
             "cell"),
        Made("forgets", "minGRU, gate open", _scanned("mingru", _gate(3.0))),
        Made("forgets", "minLSTM as it is drawn", _scanned("minlstm", lambda layer: None)),
        Made("forgets", "LRU of radius 0.7", _scanned("lru", _radius(0.7))),
        Made("forgets", "module of one's own that keeps 0.85", _own(0.85), "cell"),
        Made("forgets", "module of one's own that keeps 0.9", _own(0.9, steps=160), "cell"),
        Made("forgets", "GRU that keeps about 0.85", _fused(lambda: changed(
            nn.GRU(FEATURES, UNITS), _steady_gru(0.85)))),
        Made("forgets", "RNN taught to tell the input before the last two", _taught_short),
        Made("forgets", "stack of two LSTMs as drawn, upper layer", _stack, "l1"),
        Made("forgets", "bidirectional GRU as drawn, forward", _both_ways),
        Made("forgets", "ReLU RNN as PyTorch draws it", _fused(
            lambda: nn.RNN(FEATURES, UNITS, nonlinearity="relu"))),
    ]  # fmt: skip


def _holding() -> list[Made]:
    return [
        Made("holds", "LSTMCell, forget gate open", _looped(_open_lstm_cell), "cell"),
        Made("holds", "minGRU, gate shut", _scanned("mingru", _gate(-5.0))),
        Made("holds", "LRU of radius 0.998", _scanned("lru", _radius(0.998))),
        Made("holds", "ReLU RNN that adds up", _adding()),
        Made("holds", "module of one's own that keeps 0.995", _own(0.995), "cell"),
        Made("holds", "GRU, update gate shut, packed", _packed),
        Made("holds", "LSTM taught the first input's sign", _taught_first("LSTM")),
        Made("holds", "orthogonal RNN taught the first input's sign", _taught_first("RNN")),
    ]


def _untaught() -> list[Made]:
    return [
        Made("untaught", "minGRU, gate shut, detached", _scanned("mingru", _gate(-5.0), CUT)),
        Made("untaught", "LRU of radius 0.998, detached", _scanned("lru", _radius(0.998), CUT)),
        Made("untaught", "LSTMCell, forget gate open, detached",
             _looped(_open_lstm_cell, CUT), "cell"),
        Made("untaught", "module of one's own that keeps 0.995, detached", _own(0.995, cut=CUT),
             "cell"),
        Made("untaught", "ReLU RNN that adds up, detached", _adding(CUT)),
        Made("untaught", "LSTM taught to add in windows of 10", _taught_windows),
        Made("untaught", "latches, set by the first input", _latches),
    ]  # fmt: skip


def _unkept() -> list[Made]:
    half = (torch.arange(UNITS) >= UNITS // 2).float()
    fed = (1 - half + 1e-3 * half)[:, None]

    def own() -> Pair:
        net, x = Looped(Own(0.3 + 0.7 * half, fed)), _noise()
        return net, lambda: net(x).sum()

    def relu(net: Any) -> None:
        net.weight_hh_l0.copy_(torch.diag(half))
        net.weight_ih_l0.copy_(net.weight_ih_l0.abs() * fed)

    def slow(layer: Any) -> None:
        layer.bias_ih[:UNITS] += 4 - 11 * half
        layer.weight_ih[UNITS:] *= torch.where(half > 0, 0.05, 1.0)[:, None]
        layer.bias_ih[UNITS:] *= torch.where(half > 0, 0.0, 1.0)

    def ring(layer: Any) -> None:
        far = torch.arange(UNITS // 2) >= UNITS // 4
        radius = torch.where(far, 0.999, 0.3)
        layer.nu_log.copy_((-radius.log()).log())
        layer.gamma_log.copy_(torch.where(far, math.log(1e-3), 0.0))

    return [
        Made("unkept", "module of one's own, half fed 0.001", own, "cell"),
        Made("unkept", "ReLU RNN, half fed 0.001", _fused(
            lambda: changed(nn.RNN(FEATURES, UNITS, nonlinearity="relu", bias=False), relu),
            positive=True)),
        Made("unkept", "minGRU, half of it shut and faint", _scanned("mingru", slow)),
        Made("unkept", "LRU, half of it slow and faint", _scanned("lru", ring)),
        Made("unkept", "orthogonal RNN, inputs that grow by 30 % per step", _drowned),
    ]  # fmt: skip


def _sensitive() -> list[Made]:
    def cell(gain: float) -> Callable[[], nn.Module]:
        return lambda: changed(nn.RNNCell(FEATURES, UNITS, bias=False), lambda net: _wild(
            net.weight_hh, net.weight_ih, gain))  # fmt: skip

    def deep(net: Any) -> None:
        for layer in range(2):
            _wild(getattr(net, f"weight_hh_l{layer}"), getattr(net, f"weight_ih_l{layer}"), 3.5)

    def gru(net: Any) -> None:
        _wild(net.weight_hh_l0, net.weight_ih_l0, 8.0)

    return [
        Made("sensitive", "RNNCell with a gain of 3", _looped(cell(3.0)), "cell"),
        Made("sensitive", "RNNCell with a gain of 6", _looped(cell(6.0)), "cell"),
        Made("sensitive", "logistic maps", _mapped, "cell"),
        Made("sensitive", "stack of two RNNs with a gain of 3.5, upper layer", _fused(
            lambda: changed(nn.RNN(FEATURES, UNITS, 2, bias=False), deep)), "l1"),
        Made("sensitive", "GRU with a gain of 8", _fused(
            lambda: changed(nn.GRU(FEATURES, UNITS), gru))),
    ]  # fmt: skip


# -- ways to be called ------------------------------------------------------------------------


def _noise(steps: int = STEPS) -> Tensor:
    return torch.randn(steps, BATCH, FEATURES)


def _fused(draw: Callable[[], nn.Module], positive: bool = False) -> Callable[[], Pair]:
    def make() -> Pair:
        net, x = draw(), _noise()
        x = x.abs() if positive else x
        return net, lambda: net(x)[0][-1].sum()

    return make


def _looped(draw: Callable[[], nn.Module], cut: int = 0) -> Callable[[], Pair]:
    def make() -> Pair:
        net, x = Looped(draw(), cut), _noise()
        return net, lambda: net(x).sum()

    return make


def _own(keep: float, cut: int = 0, steps: int = STEPS) -> Callable[[], Pair]:
    def make() -> Pair:
        net, x = Looped(Own(torch.full((UNITS,), keep)), cut), _noise(steps)
        return net, lambda: net(x).sum()

    return make


def _mapped() -> Pair:
    net, x = Mapped(Logistic()), _noise()
    return net, lambda: net(x).sum()


def _scanned(kind: str, change: Callable[[Any], None], cut: int = 0) -> Callable[[], Pair]:
    """Batch first; of several windows, the last one's loss."""

    def make() -> Pair:
        net = build_cell(kind, FEATURES, UNITS)
        (layer,) = net.children()
        changed(layer, change)
        x = _noise().transpose(0, 1)

        def loss() -> Tensor:
            state = net(x[:, :-cut])[1].detach() if cut else None
            states: Tensor = net(x[:, -cut:] if cut else x, state)[0]
            return states[:, -1].sum()

        return net, loss

    return make


def _stack() -> Pair:
    net, x = nn.LSTM(FEATURES, UNITS, 2, batch_first=True), _noise().transpose(0, 1)
    return net, lambda: net(x)[0][:, -1].sum()


def _both_ways() -> Pair:
    net, x = nn.GRU(FEATURES, UNITS, bidirectional=True), _noise()
    return net, lambda: net(x)[0][-1].sum()


def _packed() -> Pair:
    net = changed(nn.GRU(FEATURES, UNITS), _steady_gru(0.994))
    x, sizes = _noise(), torch.linspace(STEPS, 50, BATCH).long()
    return net, lambda: net(pack_padded_sequence(x, sizes))[1].sum()


def _adding(cut: int = 0) -> Callable[[], Pair]:
    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(torch.eye(UNITS))
        net.weight_ih_l0.abs_()

    def make() -> Pair:
        net = changed(nn.RNN(FEATURES, UNITS, nonlinearity="relu", bias=False), change)
        x = _noise().abs()
        sizes = [STEPS - cut, cut] if cut else [STEPS]
        return net, lambda: windows(net, x, sizes)[-1].sum()

    return make


def _latches() -> Pair:
    """Each unit stays where a strong first input has put it, where no gradient passes."""

    def change(net: Any) -> None:
        net.weight_hh_l0.copy_(3 * torch.eye(UNITS))

    net = changed(nn.RNN(FEATURES, UNITS, bias=False), change)
    x = 0.05 * _noise()
    x[0] = 20 * torch.randn(BATCH, FEATURES)
    return net, lambda: net(x)[0][-1].sum()


def _drowned() -> Pair:
    """The state turns and keeps its size, and each input is larger than those before."""

    def change(net: Any) -> None:
        nn.init.orthogonal_(net.weight_hh_l0)

    net = changed(nn.RNN(FEATURES, UNITS, bias=False), change)
    grown = 1.3 ** torch.arange(STEPS - 1, -1, -1.0).neg()
    x = 0.05 * _noise() * grown[:, None, None]
    return net, lambda: net(x)[0][-1].sum()


# -- ways to be made --------------------------------------------------------------------------


def _gate(bias: float) -> Callable[[Any], None]:
    def change(layer: Any) -> None:
        layer.bias_ih[:UNITS] += bias

    return change


def _radius(radius: float) -> Callable[[Any], None]:
    def change(layer: Any) -> None:
        layer.nu_log.fill_(math.log(-math.log(radius)))

    return change


def _steady_gru(keep: float) -> Callable[[Any], None]:
    """What is kept depends on nothing, and the candidate on the input alone."""

    def change(net: Any) -> None:
        net.weight_hh_l0.zero_()
        net.weight_ih_l0[UNITS : 2 * UNITS] = 0.0
        net.bias_hh_l0.zero_()
        net.bias_ih_l0[UNITS : 2 * UNITS] = math.log(keep / (1 - keep))

    return change


def _open_lstm_cell() -> nn.Module:
    def change(net: Any) -> None:
        net.bias_ih[UNITS : 2 * UNITS] += 6
        net.weight_ih.mul_(0.1)

    net: nn.Module = changed(nn.LSTMCell(FEATURES, UNITS), change)
    return net


def _wild(recurrent: Tensor, into: Tensor, gain: float) -> None:
    recurrent.copy_(gain * torch.randn_like(recurrent) / UNITS**0.5)
    into.mul_(0.1)


# -- ways to be taught ------------------------------------------------------------------------


def _teach(net: nn.Module, draw: Callable[[], tuple[Tensor, Tensor]], iterations: int) -> nn.Linear:
    """A readout that tells a number of the last state, learned together with ``net``."""
    readout = nn.Linear(UNITS, 1)
    optimizer = torch.optim.Adam([*net.parameters(), *readout.parameters()], lr=5e-3)
    for _ in range(iterations):
        x, wanted = draw()
        loss = nn.functional.mse_loss(readout(net(x)[0][-1])[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return readout


def _asked(net: nn.Module, readout: nn.Linear, x: Tensor) -> Pair:
    return net, lambda: readout(net(x)[0][-1]).sum()


def _taught_short() -> Pair:
    def draw() -> tuple[Tensor, Tensor]:
        x = _noise(20)
        return x, x[-3, :, 0]

    net = nn.RNN(FEATURES, UNITS)
    return _asked(net, _teach(net, draw, 300), _noise())


def _taught_first(kind: str) -> Callable[[], Pair]:
    """Over 40 steps of fainter noise."""

    def draw() -> tuple[Tensor, Tensor]:
        x = 0.1 * _noise(40)
        sign = torch.randint(2, (BATCH,)) * 2.0 - 1
        x[0, :, 0] = sign
        return x, sign

    def rnn(net: Any) -> None:
        nn.init.orthogonal_(net.weight_hh_l0)

    def lstm(net: Any) -> None:
        net.bias_ih_l0[UNITS : 2 * UNITS] += 4

    def make() -> Pair:
        net: nn.Module = (
            changed(nn.RNN(FEATURES, UNITS), rnn)
            if kind == "RNN"
            else changed(nn.LSTM(FEATURES, UNITS), lstm)
        )
        return _asked(net, _teach(net, draw, 400), draw()[0])

    return make


def _taught_windows() -> Pair:
    """It adds up, and learns it in windows of 10 steps; then the state is carried, detached."""

    def change(net: Any) -> None:
        net.bias_ih_l0[UNITS : 2 * UNITS] += 6

    def draw() -> tuple[Tensor, Tensor]:
        x = _noise(10)
        return x, 0.2 * x[..., 0].sum(0)

    net = changed(nn.LSTM(FEATURES, UNITS), change)
    readout, x = _teach(net, draw, 400), _noise()
    return net, lambda: readout(windows(net, x, [10] * 8)[-1]).sum()
