"""Where does a beetle stand, seen from its nest, after each of its steps? A path is summed up."""

import sys

import torch
from torch import nn

torch.manual_seed(38)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
STEPS = 10


def paths(n):
    moves = 0.3 * torch.randn(n, STEPS, 2)
    return moves, moves.cumsum(1)


class EncoderLstm(nn.Module):
    def __init__(self, hidden_size=32, num_layers=1):
        super().__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.lstm = nn.LSTM(2, hidden_size, num_layers, batch_first=True)

    def init_hidden(self, n):
        shape = (self.num_layers, n, self.hidden_size)
        if FIXED:
            return torch.zeros(shape), torch.zeros(shape)
        return torch.randn(shape), torch.randn(shape)

    def forward(self, moves):
        out, _ = self.lstm(moves, self.init_hidden(len(moves)))
        return out


class BeetleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = EncoderLstm()
        self.decoder = nn.Linear(32, 2)

    def forward(self, moves):
        return self.decoder(self.encoder(moves))


@torch.no_grad()
def how_far_off(model):
    """The mean distance from the truth, and that of two readings of the same paths."""
    moves, places = paths(200)
    first, second = model(moves), model(moves)
    return (first - places).norm(dim=2).mean().item(), (first - second).norm(dim=2).mean().item()


net = BeetleNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(1, 401):
    moves, places = paths(32)
    loss = nn.functional.smooth_l1_loss(net(moves), places)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        off, apart = how_far_off(net)
        print(
            f"step {step} loss {loss.item():.4f} off by {off:.3f}, two readings apart {apart:.3f}"
        )
