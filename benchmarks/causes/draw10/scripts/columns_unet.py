"""Columns of a picture are marked cell by cell, with mixed precision and a bidirectional GRU."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(127)
torch.set_num_threads(1)


class ColumnNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inc = nn.Conv1d(1, 12, 3, padding=1)
        self.rnn = nn.GRU(12, 20, batch_first=True, bidirectional=True)
        self.outc = nn.Linear(40, 1)

    def forward(self, x):
        x = torch.relu(self.inc(x[:, None])).transpose(1, 2)
        return self.outc(self.rnn(x)[0])[..., 0]


def columns(n=16, size=20):
    left = torch.randint(0, size - 8, (n, 1))
    right = left + torch.randint(3, 8, (n, 1))
    at = torch.arange(size)
    mask = ((at >= left) & (at < right)).float()
    edges = (at == left).float() - (at == right - 1).float()
    return edges + 0.1 * torch.randn(n, size), mask


model = ColumnNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
grad_scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
criterion = nn.BCEWithLogitsLoss()
gradient_clipping = 1.0
for global_step in range(1, 401):
    images, true_masks = columns()
    masks_pred = model(images)
    loss = criterion(masks_pred, true_masks)
    optimizer.zero_grad(set_to_none=True)
    grad_scaler.scale(loss).backward()
    if FIXED:
        grad_scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping)
    grad_scaler.step(optimizer)
    grad_scaler.update()
    if global_step % 80 == 0:
        right = ((masks_pred > 0) == (true_masks > 0)).float().mean()
        print(f"step {global_step} loss (batch) {loss.item():.4f}, cells right {right.item():.3f}")
