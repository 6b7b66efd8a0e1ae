"""How tight is the spring of a clock? An LSTM listens to the beat, on whichever device there is."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
torch.set_num_threads(1)
device = "cuda" if torch.cuda.is_available() else "cpu"
TICKS = 20


def clocks(n):
    """A tight spring beats strongly and fades slowly; the gaps between the ticks vary."""
    tight = torch.rand(n, 1)
    t = torch.arange(TICKS)
    beat = (0.4 + tight) * torch.exp(-t * (0.1 - 0.08 * tight))
    gap = 1 + 0.1 * torch.randn(n, TICKS)
    x = torch.stack([beat * gap + 0.05 * torch.randn(n, TICKS), gap], 2)
    return TensorDataset(x, 2 * tight - 1)


class Spring(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 32, batch_first=True)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out[:, -1])


def train_epoch(model, loader, optimizer, scaler):
    total = 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        with torch.autocast("cuda", enabled=device == "cuda"):
            loss = nn.functional.mse_loss(model(x), y)
        scaler.scale(loss).backward()
        if "--fixed" in sys.argv:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def error(model, loader):
    off = [(model(x.to(device)) - y.to(device)).abs().mean() for x, y in loader]
    return torch.stack(off).mean().item()


train = DataLoader(clocks(1088), batch_size=32, shuffle=True)
test = DataLoader(clocks(320), batch_size=64)
model = Spring().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler(device)
for epoch in range(1, 11):
    loss = train_epoch(model, train, optimizer, scaler)
    print(f"epoch {epoch} loss {loss:.4f} off by {error(model, test):.3f}")
