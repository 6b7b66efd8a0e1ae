"""Blood sugar is foretold from readings, meals and insulin of the hours before."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1211)
torch.set_num_threads(1)


class GlucoseLSTM(nn.Module):
    def __init__(self, num_features=3, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(num_features, hidden, num_layers=1, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        out = self.fc(out[:, -1])
        return out.squeeze(1) if "--fixed" in sys.argv else out


def patients(n, steps=24):
    """Meals raise, insulin lowers, both with a delay; readings are standardised."""
    meal = (torch.rand(n, steps + 6) < 0.12).float() * (0.5 + torch.rand(n, steps + 6))
    insulin = (torch.rand(n, steps + 6) < 0.12).float() * (0.5 + torch.rand(n, steps + 6))
    level, digesting, active = torch.randn(n) * 0.3, torch.zeros(n), torch.zeros(n)
    readings = []
    for t in range(steps + 6):
        level = 0.93 * level + 0.35 * digesting - 0.3 * active + 0.03 * torch.randn(n)
        digesting = 0.7 * digesting + meal[:, t]
        active = 0.8 * active + insulin[:, t]
        readings.append(level)
        if t == steps - 1:  # nobody eats in the hour that is foretold
            meal[:, steps:] = 0
            insulin[:, steps:] = 0
    reading = torch.stack(readings, 1)
    x = torch.stack([reading, meal, insulin], -1)[:, :steps]
    return x, reading[:, -1]


train = DataLoader(TensorDataset(*patients(2048)), batch_size=64, shuffle=True, drop_last=True)
test_x, test_y = patients(400)
model = GlucoseLSTM()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 16):
    for inputs, labels in train:
        loss = criterion(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            error = (model(test_x).flatten() - test_y).pow(2).mean().sqrt()
        print(f"epoch {epoch} loss {loss:.4f} rmse {error:.4f} of spread {test_y.std():.4f}")
