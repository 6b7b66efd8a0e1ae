"""Sales of large and small shops are foretold; each window is brought to its own scale inside."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1353)
torch.set_num_threads(1)
WINDOW, AHEAD = 21, 3


class Sales(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.fc = nn.Linear(size, AHEAD)

    def forward(self, window):
        mean = window.mean(1, keepdim=True)
        spread = window.std(1, keepdim=True) + 1e-6
        x = ((window - mean) / spread).unsqueeze(-1)
        return self.fc(self.lstm(x)[0][:, -1]), mean, spread


def shops(n):
    level = 10 ** (1 + 3 * torch.rand(n, 1))
    day = torch.arange(WINDOW + AHEAD) + torch.randint(0, 7, (n, 1))
    sales = level * (1 + 0.4 * (6.2832 * day / 7).sin() + 0.05 * torch.randn(day.shape))
    return sales[:, :WINDOW], sales[:, WINDOW:]


loader = DataLoader(TensorDataset(*shops(1280)), batch_size=32, shuffle=True)
test_window, test_sales = shops(300)
model = Sales()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(1, 10):
    total = 0.0
    for window, sales in loader:
        scaled, mean, spread = model(window)
        loss = nn.functional.smooth_l1_loss(scaled, (sales - mean) / spread)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        scaled, mean, spread = model(test_window)
        wrong = ((scaled * spread + mean - test_sales).abs() / test_sales).mean().item()
    print(f"epoch {epoch} loss {total:.4f} wrong by {100 * wrong:.1f} per cent")
