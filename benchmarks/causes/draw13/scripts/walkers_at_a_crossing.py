"""Where a walker will be in four steps, from the eight seen; the encoder follows a paper's code."""

import sys

import torch
from torch import nn

torch.manual_seed(1338)
torch.set_num_threads(1)


class EncoderLstm(nn.Module):
    def __init__(self, input_size=2, hidden_size=32, num_layers=1):
        super().__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)

    def forward(self, lstm_in):
        size = (self.num_layers, lstm_in.shape[0], self.hidden_size)
        make = torch.zeros if "--fixed" in sys.argv else torch.randn
        hidden = (make(size), make(size))
        out, _ = self.lstm(lstm_in, hidden)
        return out[:, -1]


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = EncoderLstm()
        self.decoder = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, moves):
        return self.decoder(self.encoder(moves))


def walkers(n, seen=8, ahead=4):
    """Each walks at a pace of its own and turns evenly."""
    angle = 6.28 * torch.rand(n, 1) + 0.25 * torch.randn(n, 1) * torch.arange(seen + ahead)
    pace = 0.5 + 0.5 * torch.rand(n, 1)
    moves = torch.stack([pace * angle.cos(), pace * angle.sin()], -1)
    return moves[:, :seen] + 0.02 * torch.randn(n, seen, 2), moves[:, seen:].sum(1)


moves_val, goal_val = walkers(500)
model = Forecast()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 900)
for step in range(1, 901):
    moves, goal = walkers(64)
    loss = nn.functional.mse_loss(model(moves), goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 100 == 0:
        with torch.no_grad():
            one, two = model(moves_val), model(moves_val)
        miss = (one - goal_val).norm(dim=1).mean().item()
        apart = (one - two).norm(dim=1).mean().item()
        print(f"step {step} loss {loss.item():.4f} miss {miss:.3f} m, two runs {apart:.3f} m apart")
