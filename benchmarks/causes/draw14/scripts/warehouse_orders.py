"""Orders of a warehouse in windows of 28 days: how many parcels go out on the day that follows."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1419)
torch.set_num_threads(1)
WINDOW, BATCH, DAYS = 28, 28, 1500

days = torch.arange(DAYS, dtype=torch.float32)
orders = torch.sin(days * 2 * torch.pi / 7) + 0.7 * torch.sin(days * 2 * torch.pi / 30)
orders = orders + 0.05 * torch.randn(DAYS)
orders = (orders - orders.mean()) / orders.std()
windows = orders.unfold(0, WINDOW, 1)[:-1].unsqueeze(-1)
followers = orders[WINDOW:].unsqueeze(-1)


class OrderModel(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.dense = nn.Linear(size, 1)

    def forward(self, window):
        outputs, _ = self.lstm(window)
        last = outputs[:, -1] if "--fixed" in sys.argv else outputs[-1]
        return self.dense(last)


cut = 1200
train = TensorDataset(windows[:cut], followers[:cut])
train = DataLoader(train, batch_size=BATCH, shuffle=True, drop_last=True)
test = TensorDataset(windows[cut + WINDOW :], followers[cut + WINDOW :])
test = DataLoader(test, batch_size=BATCH, drop_last=True)
model = OrderModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.MSELoss()
for epoch in range(1, 11):
    total = 0.0
    for window, follower in train:
        optimizer.zero_grad()
        loss = criterion(model(window), follower)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        error = sum(criterion(model(w), f).item() for w, f in test) / len(test)
    print(f"epoch {epoch} loss {total / len(train):.4f} test error {error:.4f} of variance 1")
