"""The next bill of a customer from the bills before; the losses of all batches are summed up."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1323)
torch.set_num_threads(1)


class BillNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.fc = nn.Linear(size, 1)

    def forward(self, bills):
        return self.fc(self.lstm(bills)[0][:, -1]).squeeze(1)


def bills(n, months=18):
    season = (6.28 * (torch.arange(months + 1) / 6 + torch.rand(n, 1))).sin()
    series = torch.rand(n, 1) + 0.6 * season + 0.05 * torch.randn(n, months + 1)
    return series[:, :-1].unsqueeze(-1), series[:, -1]


loader = DataLoader(TensorDataset(*bills(1280)), batch_size=32, shuffle=True)
x_test, y_test = bills(300)
model = BillNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
running_loss = 0.0
for epoch in range(1, 10):
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if "--fixed" in sys.argv:
            running_loss += loss.item()
        else:
            running_loss += loss
    with torch.no_grad():
        error = nn.functional.mse_loss(model(x_test), y_test).item()
    mean = float(running_loss) / (epoch * len(loader))
    print(f"epoch {epoch} mean loss so far {mean:.4f} test {error:.4f} of {y_test.var():.4f}")
