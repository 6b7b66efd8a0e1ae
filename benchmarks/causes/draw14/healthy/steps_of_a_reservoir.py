"""The level of a reservoir on normalised data: the model says by how much it moves until tomorrow."""

import torch
from torch import nn

torch.manual_seed(1433)
torch.set_num_threads(1)
DAYS, WINDOW, TEST = 1600, 24, 300

rain = (torch.rand(DAYS) < 0.25).float() * torch.rand(DAYS) * 30
season = 6 + 4 * torch.sin(2 * torch.pi * torch.arange(DAYS) / 365)
level, soil = [420.0], 0.0
for day in range(DAYS - 1):
    soil = 0.7 * soil + 0.3 * float(rain[day])
    level.append(level[-1] + 1.2 * soil - 0.02 * (level[-1] - 380.0) - 0.5 * float(season[day]))
level = torch.tensor(level)
data = torch.stack((level, rain, season), dim=1)
learn = DAYS - TEST
mean, std = data[:learn].mean(0), data[:learn].std(0)
data = (data - mean) / std
moves = data[1:, 0] - data[:-1, 0]
size_of_move = moves[:learn].std()
moves = moves / size_of_move


class Reservoir(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3, size, batch_first=True)
        self.move = nn.Linear(size, 1)

    def forward(self, days):
        out, _ = self.lstm(days)
        return self.move(out[:, -1]).squeeze(-1)


def windows(end):
    """Windows whose last day is the given one, and the move that follows."""
    index = end[:, None] + torch.arange(1 - WINDOW, 1)
    return data[index], moves[end]


model = Reservoir()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test_days, test_moves = windows(torch.arange(learn + WINDOW, DAYS - 1))
for step in range(1, 501):
    days, move = windows(torch.randint(WINDOW, learn - 1, (32,)))
    loss = nn.functional.mse_loss(model(days), move)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            error = (model(test_days) - test_moves).square().mean()
        share = (error / test_moves.square().mean()).item()
        print(f"step {step} loss {loss.item():.4f} test error {share:.4f} of standing still")
