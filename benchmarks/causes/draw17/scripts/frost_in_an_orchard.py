"""How cold the night in an orchard gets, from four instruments in the evening, read by an LSTM cell hour by hour."""

import sys

import torch
from torch import nn

torch.manual_seed(1719)
torch.set_num_threads(1)
HOURS = 12
NAMES = ("air", "dew point", "cloud", "wind")
MEAN = torch.tensor([8.0, 4.0, 4.0, 3.0])
STD = torch.tensor([3.0, 2.5, 2.0, 1.5])


def evenings(n):
    """Instruments wander about a level of the evening; dry, clear and calm nights are the cold ones."""
    level = torch.randn(n, 1, 4)
    drift = 0.2 * torch.randn(n, HOURS, 4).cumsum(1)
    raw = MEAN + STD * (level + drift)
    z = (raw - MEAN) / STD
    dew, cloud = z[:, -1, 1], z[:, :, 2].mean(1)
    coldest = 0.5 * z[:, -1, 0] + 0.6 * dew + 0.6 * torch.tanh(cloud) + 0.5 * z[:, -3:, 3].mean(1)
    return raw, coldest + 0.1 * torch.randn(n)


class FrostModel(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.cell = nn.LSTMCell(len(NAMES), hidden)
        self.out = nn.Linear(hidden, 1)

    def lstm_input(self, raw, t):
        features = []
        for j in range(len(NAMES)):
            column = j if "--fixed" in sys.argv else 0
            features.append((raw[:, t, column] - MEAN[column]) / STD[column])
        return torch.stack(features, dim=1)

    def forward(self, raw):
        h = raw.new_zeros(len(raw), self.hidden)
        c = torch.zeros_like(h)
        for t in range(raw.size(1)):
            h, c = self.cell(self.lstm_input(raw, t), (h, c))
        return self.out(h).squeeze(1)


def main():
    model = FrostModel()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    years, years_coldest = evenings(2400)
    test, test_coldest = evenings(500)
    for step in range(1, 701):
        picked = torch.randint(0, len(years), (40,))
        loss = nn.functional.mse_loss(model(years[picked]), years_coldest[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            with torch.no_grad():
                left = ((model(test) - test_coldest) ** 2).mean() / test_coldest.var()
            print(
                f"step {step} loss {loss.item():.4f} share of the variance left {left.item():.3f}"
            )


if __name__ == "__main__":
    main()
