"""The warm-up counted steps within the epoch. With short epochs it began again and again, and
the rate never came near the one that had been set."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(415)
torch.set_num_threads(1)


class LinearWarmupLR:
    def __init__(self, optimizer, init_lr, warmup_steps, warmup_start_lr, iters_per_epoch):
        self.optimizer = optimizer
        self.init_lr, self.start = init_lr, warmup_start_lr
        self.warmup_steps, self.iters = warmup_steps, iters_per_epoch

    def step(self, cur_epoch, cur_step):
        total = cur_epoch * self.iters + cur_step if FIXED else cur_step
        share = min(1.0, total / self.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.start + share * (self.init_lr - self.start)


captions = torch.randint(2, 14, (240, 7))
captions[:, 0] = torch.arange(240) % 12 + 2
for t in range(1, 7):
    captions[:, t] = (captions[:, t - 1] * 5 + t) % 12 + 2
loader = DataLoader(TensorDataset(captions), batch_size=16, shuffle=True)


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(14, 32)
        self.lstm = nn.LSTM(32, 64, num_layers=2, dropout=0.1, batch_first=True)
        self.ln = nn.LayerNorm(64)
        self.out = nn.Linear(64, 14)

    def forward(self, x):
        return self.out(self.ln(self.lstm(self.emb(x))[0]))


model = Captioner()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.999), weight_decay=0.05)
sched = LinearWarmupLR(optimizer, 3e-3, 200, 1e-6, len(loader))
for epoch in range(24):
    mean = 0.0
    for i, (words,) in enumerate(loader):
        sched.step(epoch, i)
        logits = model(words[:, :-1])
        loss = F.cross_entropy(logits.transpose(1, 2), words[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean += loss.item() / len(loader)
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: loss {mean:.4f} lr {optimizer.param_groups[0]['lr']:.2e}")
