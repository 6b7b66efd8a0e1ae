"""Where a cyclist will be 4 steps on, from 4 noted positions; an encoder of all riders at once."""

import sys

import torch
from torch import nn

torch.manual_seed(1438)
torch.set_num_threads(1)
SEEN, AHEAD = 4, 4


class PathEncoder(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.size = size
        self.lstm = nn.LSTM(2, size, batch_first=True)

    def init_state(self, riders):
        shape = (1, riders, self.size)
        if "--fixed" in sys.argv:
            return torch.zeros(shape), torch.zeros(shape)
        return torch.randn(shape), torch.randn(shape)

    def forward(self, moves):
        out, _ = self.lstm(moves, self.init_state(len(moves)))
        return out[:, -1]


class PathModel(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.encoder = PathEncoder(size)
        self.decoder = nn.Sequential(nn.Linear(size, 48), nn.ReLU(), nn.Linear(48, 2 * AHEAD))

    def forward(self, moves):
        return self.decoder(self.encoder(moves)).view(-1, AHEAD, 2)


def rides(n):
    angle = 6.28 * torch.rand(n, 1)
    turn = 0.5 * torch.randn(n, 1)
    speed = 0.3 + 0.7 * torch.rand(n, 1)
    heading = angle + turn * torch.arange(SEEN + AHEAD)
    moves = torch.stack([speed * heading.cos(), speed * heading.sin()], dim=-1)
    moves += 0.02 * torch.randn_like(moves)
    return moves[:, :SEEN], moves[:, SEEN:].cumsum(dim=1)


def train(steps=700):
    model = PathModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    test_moves, test_path = rides(400)
    for step in range(steps + 1):
        moves, path = rides(64)
        loss = nn.functional.smooth_l1_loss(model(moves), path)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            with torch.no_grad():
                first, second = model(test_moves), model(test_moves)
            miss = (first - test_path)[:, -1].norm(dim=-1).mean().item()
            apart = (first - second)[:, -1].norm(dim=-1).mean().item()
            print(
                f"step {step} loss {loss.item():.4f} end missed by {miss:.3f}, "
                f"two forecasts of one ride lie {apart:.3f} apart"
            )


train()
