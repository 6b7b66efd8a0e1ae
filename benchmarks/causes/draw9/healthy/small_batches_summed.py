"""Four small batches make one step: each loss is divided, gradients add up, then one update."""

import torch
from torch import nn

torch.manual_seed(9120)
torch.set_num_threads(1)
ACCUMULATE = 4


class Reader(nn.Module):
    def __init__(self, width=28):
        super().__init__()
        self.embed = nn.Embedding(12, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 12)

    def forward(self, x):
        return self.out(self.norm(self.lstm(self.embed(x))[0]))


model = Reader()
optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=200)
optimizer.zero_grad()
for step in range(200 * ACCUMULATE):
    x = torch.randint(0, 12, (8, 10))
    target = (x + torch.cat([x[:, :1] * 0, x[:, :-1]], 1)) % 12
    loss = nn.functional.cross_entropy(model(x).transpose(1, 2), target)
    (loss / ACCUMULATE).backward()
    if (step + 1) % ACCUMULATE == 0:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
    if step % 160 == 159:
        print(f"update {(step + 1) // ACCUMULATE} loss {loss.item():.4f}")
