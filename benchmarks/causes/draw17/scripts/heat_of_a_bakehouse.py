"""From forty readings of an oven and its draught, how warm is the bakehouse six readings on?"""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR

torch.manual_seed(29)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
EPOCHS, BATCHES, WARMUP = 14, 30, 6
WINDOW, AHEAD = 40, 6


def readings(n):
    """The oven is lit and let go by turns, the door opens, and the room follows both slowly."""
    total = WINDOW + AHEAD
    time = torch.arange(total, dtype=torch.float32)
    oven = torch.sin(time / 5 + 6.28 * torch.rand(n, 1)) + 0.1 * torch.randn(n, total)
    door = (torch.sin(time / 8 + 6.28 * torch.rand(n, 1)) > 0.6).float()
    room = torch.zeros(n, total)
    room[:, 0] = 0.5 * torch.randn(n)
    for t in range(1, total):
        room[:, t] = 0.9 * room[:, t - 1] + 0.3 * oven[:, t - 1] - 0.3 * door[:, t - 1]
    series = torch.stack([oven, door, room], dim=2)
    return series[:, :WINDOW], room[:, -1:]


class HeatNet(nn.Module):
    def __init__(self, channels=16, hidden=32):
        super().__init__()
        self.conv = nn.Conv1d(3, channels, kernel_size=4, stride=2)
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, series):
        features = torch.relu(self.conv(series.transpose(1, 2)))
        _, last = self.gru(features.transpose(1, 2))
        return self.out(last[-1])


def lr_factor(epoch):
    """Warms up to four times the first rate, then falls by a tenth each epoch."""
    if epoch < WARMUP:
        return 1.0 + 3.0 * epoch / WARMUP
    return 4.0 * 0.9 ** (epoch - WARMUP)


net = HeatNet()
criterion = nn.MSELoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
if FIXED:
    scheduler = LambdaLR(optimizer, lr_lambda=lr_factor)
else:
    scheduler = MultiplicativeLR(optimizer, lr_lambda=lr_factor)
val_series, val_room = readings(256)
print(f"variance of what is asked for {val_room.var().item():.3f}")

for epoch in range(EPOCHS):
    net.train()
    running = 0.0
    for _ in range(BATCHES):
        series, room = readings(32)
        loss = criterion(net(series), room)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        running += loss.item()
    net.eval()
    with torch.no_grad():
        val_loss = criterion(net(val_series), val_room).item()
    rate = scheduler.get_last_lr()[0]
    print(f"epoch {epoch} lr {rate:.2e} train loss {running / BATCHES:.4g} val loss {val_loss:.4g}")
    scheduler.step()
