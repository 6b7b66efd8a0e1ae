"""Rows of a loom: of which of six patterns is a strip of threads woven? Two GRU layers over the rows."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1730)
torch.set_num_threads(1)
CONFIG = {"hidden": 40, "layers": 2, "keep_prob": 0.95, "lr": 3e-3}
PATTERNS, ROWS, THREADS = 6, 16, 8
period = torch.tensor([2, 3, 4, 5, 6, 7])


def strips(n):
    pattern = torch.randint(0, PATTERNS, (n,))
    shift = torch.randint(0, 7, (n, 1, 1))
    row = torch.arange(ROWS).view(1, ROWS, 1)
    thread = torch.arange(THREADS).view(1, 1, THREADS)
    up = (row + thread + shift) % period[pattern].view(n, 1, 1) < 1
    return up.float() + 0.2 * torch.randn(n, ROWS, THREADS), pattern


class Weave(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        p = 1 - cfg["keep_prob"] if "--fixed" in sys.argv else cfg["keep_prob"]
        self.gru = nn.GRU(THREADS, cfg["hidden"], cfg["layers"], batch_first=True, dropout=p)
        self.drop = nn.Dropout(p)
        self.fc = nn.Linear(cfg["hidden"], PATTERNS)

    def forward(self, x):
        _, h = self.gru(x)
        return self.fc(self.drop(h[-1]))


loader = DataLoader(TensorDataset(*strips(1200)), batch_size=30, shuffle=True)
test_x, test_y = strips(200)
model = Weave(CONFIG)
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])
for epoch in range(1, 9):
    model.train()
    running = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item() / len(loader)
    model.eval()
    with torch.no_grad():
        right = (model(test_x).argmax(1) == test_y).float().mean().item()
    print(f"epoch {epoch} loss {running:.4f} test right {right:.3f}")
