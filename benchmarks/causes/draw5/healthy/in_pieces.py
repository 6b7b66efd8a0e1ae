"""Gradients of four small batches are gathered before each step, under a one-cycle rate."""

import torch
from torch import nn

torch.manual_seed(5218)
torch.set_num_threads(1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 20)
        self.gru = nn.GRU(20, 28, num_layers=2, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(28)
        self.out = nn.Linear(28, 5)

    def forward(self, x):
        return self.out(self.norm(self.gru(self.embed(x))[0].mean(1)))


model = Classifier()
ACCUMULATE, BATCHES = 4, 520
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=8e-3, total_steps=BATCHES // ACCUMULATE
)
optimizer.zero_grad()
for batch in range(BATCHES):
    y = torch.randint(0, 5, (12,))
    own = y[:, None] * 6 + torch.randint(0, 6, (12, 9))
    x = torch.where(torch.rand(12, 9) < 0.5, own, torch.randint(0, 30, (12, 9)))
    loss = nn.functional.cross_entropy(model(x), y)
    (loss / ACCUMULATE).backward()
    if (batch + 1) % ACCUMULATE == 0:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    if batch % 104 == 103:
        print(f"{batch + 1} loss {loss.item():.3f}")
