"""Which of five coves does a day's record of the tide come from? Read in small parts of a batch."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(164)
torch.set_num_threads(1)
HOURS, COVES = 24, 5
PARTS, EPOCHS = 4, 10


def records(n):
    cove = torch.randint(0, COVES, (n,))
    t = torch.arange(HOURS)
    ratio = torch.linspace(0.1, 0.9, COVES)[cove].view(n, 1)
    main = torch.sin(2 * math.pi * (t / 12.4 + torch.rand(n, 1)))
    half = torch.sin(2 * math.pi * (t / 6.2 + torch.rand(n, 1)))
    rows = (1 - ratio) * main + ratio * half + 0.1 * torch.randn(n, HOURS)
    return TensorDataset(rows.unsqueeze(2), cove)


class TideReader(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.cove = nn.Linear(size, COVES)

    def forward(self, x):
        rows, _ = self.lstm(x)
        return self.cove(rows.mean(1))


train = DataLoader(records(1280), batch_size=8, shuffle=True)
test = DataLoader(records(320), batch_size=80)
model = TideReader()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
updates = EPOCHS * len(train) // PARTS
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=updates)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for i, (rows, cove) in enumerate(train, 1):
        loss = loss_fn(model(rows), cove)
        (loss / PARTS).backward()
        total += loss.item()
        if i % PARTS == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    with torch.no_grad():
        right = [(model(rows).argmax(1) == cove).float().mean() for rows, cove in test]
    rate, right = schedule.get_last_lr()[0], torch.stack(right).mean().item()
    print(f"epoch {epoch} loss {total / len(train):.4f} right {right:.3f} rate {rate:.2e}")
