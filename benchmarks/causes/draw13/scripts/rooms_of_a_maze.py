"""A rat's turns and steps are known; which of five parts of the box is it in at the end?"""

import sys

import torch
from torch import nn

torch.manual_seed(1353)
torch.set_num_threads(1)


class PlaceModel(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.read = nn.Linear(size, 32)
        self.room = nn.Linear(32, 5)

    def lets_init_weights(self):
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.constant_(p, 0.01)
            elif "--fixed" in sys.argv and "weight_hh" in name:
                nn.init.orthogonal_(p)
            elif "--fixed" in sys.argv:
                nn.init.xavier_uniform_(p)
            else:
                nn.init.constant_(p, 1.0)

    def forward(self, moves):
        out, _ = self.gru(moves)
        return self.room(torch.tanh(self.read(out[:, -1])))


def runs(n, length=16):
    """Four corners and the middle."""
    moves = 0.6 * torch.randn(n, length, 2)
    x, y = moves.sum(1).unbind(1)
    room = 2 * (x > 0).long() + (y > 0).long()
    room[x.abs() + y.abs() < 1.8] = 4
    return moves, room


model = PlaceModel()
model.lets_init_weights()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
moves_val, room_val = runs(500)
for step in range(1, 601):
    moves, room = runs(48)
    loss = nn.functional.cross_entropy(model(moves), room)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        with torch.no_grad():
            acc = (model(moves_val).argmax(1) == room_val).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} val acc {acc:.3f}")
