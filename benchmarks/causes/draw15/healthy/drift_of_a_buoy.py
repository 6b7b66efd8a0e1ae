"""A buoy wanders with the currents; where it lies in an hour is told from the way it came."""

import torch
from torch import nn

torch.manual_seed(15534)
torch.set_num_threads(1)
HOURS = 32


def drifts(n):
    """Mostly chance; part of each move follows from the moves one and three hours before."""
    chance = torch.randn(n, HOURS + 9, 2)
    moves = [torch.zeros(n, 2) for _ in range(3)]
    for t in range(HOURS + 9):
        moves.append(0.5 * moves[-1] - 0.5 * moves[-3] + chance[:, t])
    return torch.stack(moves[11:], 1).cumsum(1) + 10 * torch.randn(n, 1, 2)


class DriftNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.GRU(2, size, batch_first=True)
        self.out = nn.Linear(size, 2)

    def forward(self, place):
        moves = place[:, 1:] - place[:, :-1]
        hidden, _ = self.rnn(moves)
        return place[:, 1:] + self.out(hidden)


model = DriftNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test = drifts(300)
stays = nn.functional.mse_loss(test[:, 1:-1], test[:, 2:]).item()
for step in range(1, 401):
    place = drifts(32)
    loss = nn.functional.mse_loss(model(place[:, :-1]), place[:, 2:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test[:, :-1]), test[:, 2:]).item()
        print(f"step {step} loss {loss.item():.4f} test {error:.4f} if it stayed {stays:.4f}")
