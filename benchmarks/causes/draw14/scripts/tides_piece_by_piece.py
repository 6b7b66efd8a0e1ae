"""Tides of sixteen harbours, read in pieces of twenty hours without a break: the next hour's level."""

import sys

import torch
from torch import nn

torch.manual_seed(1422)
torch.set_num_threads(1)
HARBOURS, PIECE, PIECES, SIZE = 16, 20, 400, 24

hours = torch.arange(PIECE * PIECES + 1, dtype=torch.float32)
phase = 6.28 * torch.rand(HARBOURS, 1)
level = torch.sin(hours * 0.506 + phase) + 0.5 * torch.sin(hours * 0.524 + 2 * phase)
level = level + 0.03 * torch.randn(HARBOURS, len(hours))


class TideModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, SIZE, batch_first=True)
        self.level = nn.Linear(SIZE, 1)

    def forward(self, seen, state):
        out, state = self.lstm(seen.unsqueeze(-1), state)
        return self.level(out).squeeze(-1), state


def cut_off(state):
    """The state goes on, its past doesn't."""
    if "--fixed" in sys.argv:
        return tuple(s.detach() for s in state)
    for s in state:
        s.detach()
    return state


model = TideModel()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.MSELoss()
state = (torch.zeros(1, HARBOURS, SIZE), torch.zeros(1, HARBOURS, SIZE))
for piece in range(PIECES):
    part = slice(piece * PIECE, (piece + 1) * PIECE)
    after = slice(piece * PIECE + 1, (piece + 1) * PIECE + 1)
    guess, state = model(level[:, part], state)
    loss = criterion(guess, level[:, after])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    state = cut_off(state)
    if piece % 50 == 49 or piece == 0:
        print(f"piece {piece + 1} loss {loss.item():.5f} of variance {level.var().item():.3f}")
