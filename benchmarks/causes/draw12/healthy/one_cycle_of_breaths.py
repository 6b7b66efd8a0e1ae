"""Breaths are sorted by what the sleeper does; the rate makes one cycle, a step with every batch."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2202)
torch.set_num_threads(1)
EPOCHS = 16


def breaths(n, length=40):
    """Calm, fast, with pauses, or growing and waning."""
    kind = torch.randint(0, 4, (n, 1))
    speed = torch.where(kind == 1, 1.3, 0.7) * (0.85 + 0.3 * torch.rand(n, 1))
    time = torch.arange(length).float()
    wave = torch.sin(speed * time + 6.28 * torch.rand(n, 1))
    slow = torch.sin(0.16 * time + 6.28 * torch.rand(n, 1))
    pauses = torch.sin(0.4 * time + 6.28 * torch.rand(n, 1)) < -0.3
    wave = torch.where((kind == 2) & pauses, torch.zeros(()), wave)
    wave = torch.where(kind == 3, wave * (0.9 + 0.7 * slow), wave)
    return (wave + 0.1 * torch.randn(n, length)).unsqueeze(-1), kind.squeeze(1)


class SleepNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 5, padding=2)
        self.lstm = nn.LSTM(16, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 4)

    def forward(self, x):
        h = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return self.out(self.lstm(h)[0].mean(1))


loader = DataLoader(TensorDataset(*breaths(1200)), batch_size=32, shuffle=True)
x_test, kind_test = breaths(400)
model = SleepNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=6e-3, epochs=EPOCHS, steps_per_epoch=len(loader)
)
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for x, kind in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), kind)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        acc = (model(x_test).argmax(1) == kind_test).float().mean().item()
    print(f"epoch {epoch:2d} loss {total:.4f} test {acc:.3f} lr {scheduler.get_last_lr()[0]:.1e}")
