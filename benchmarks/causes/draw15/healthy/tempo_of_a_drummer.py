"""Tempo and swing of a drummer from sixteen gaps between beats; the rate falls and starts afresh."""

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

torch.manual_seed(15201)
torch.set_num_threads(1)
GAPS = 16


def drummers(n):
    tempo, swing = torch.rand(n, 1), torch.rand(n, 1)
    odd = (torch.arange(GAPS) % 2) * 2.0 - 1.0
    gaps = 0.5 + tempo + 0.4 * swing * odd + 0.05 * torch.randn(n, GAPS)
    return gaps.unsqueeze(-1), torch.cat([tempo, swing], dim=1)


class DrummerNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.style = nn.Linear(size, 2)

    def forward(self, gaps):
        return self.style(self.gru(gaps)[0].mean(dim=1))


model = DrummerNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-3)
scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=60, T_mult=2, eta_min=1e-5)
test_gaps, test_style = drummers(300)
for step in range(1, 421):
    gaps, style = drummers(32)
    loss = nn.functional.mse_loss(model(gaps), style)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 30 == 0:
        with torch.no_grad():
            error = (model(test_gaps) - test_style).abs().mean().item()
        rate = scheduler.get_last_lr()[0]
        print(f"step {step} rate {rate:.5f} loss {loss.item():.5f} mean error {error:.4f}")
