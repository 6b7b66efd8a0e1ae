"""What is still owed in a tavern after a long evening of small entries: a diagonal state space layer in torch."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1743)
torch.set_num_threads(1)
LENGTH, D_INNER, D_STATE = 256, 12, 2


def evenings(n, length=LENGTH):
    """Entries of two kinds, most of the time none; the answer weighs all of them alike, at each moment."""
    there = (torch.rand(n, length, 2) < 0.08).float()
    entry = there * torch.randn(n, length, 2)
    owed = (entry[..., 0] - entry[..., 1]).cumsum(1) / 3
    return entry, owed


class StateSpace(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_proj = nn.Linear(2, D_INNER)
        rates = torch.logspace(math.log10(0.0005), math.log10(0.1), D_STATE)
        self.A_log = nn.Parameter(torch.log(rates).repeat(D_INNER, 1))
        self.A_log._no_weight_decay = True
        self.B = nn.Parameter(torch.randn(D_INNER, D_STATE) * 0.3)
        self.C = nn.Parameter(torch.randn(D_INNER, D_STATE) * 0.3)
        self.D = nn.Parameter(torch.ones(D_INNER))
        self.D._no_weight_decay = True
        self.out_proj = nn.Linear(D_INNER, 1)

    def forward(self, entry):
        u, length = self.in_proj(entry), entry.size(1)
        keep = torch.exp(-torch.exp(self.A_log))
        t = torch.arange(length)
        powers = keep.unsqueeze(-1) ** t
        kernel = ((self.B * self.C).unsqueeze(-1) * powers).sum(1)
        spectrum = torch.fft.rfft(u.transpose(1, 2), 2 * length) * torch.fft.rfft(
            kernel, 2 * length
        )
        y = torch.fft.irfft(spectrum, 2 * length)[..., :length].transpose(1, 2)
        return self.out_proj(y + self.D * u).squeeze(-1)


def configure_optimizer(model, lr=1e-2, weight_decay=0.5):
    if "--fixed" not in sys.argv:
        return torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    free = [p for p in model.parameters() if getattr(p, "_no_weight_decay", False)]
    decayed = [p for p in model.parameters() if not getattr(p, "_no_weight_decay", False)]
    groups = [{"params": decayed}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)


def main():
    model = StateSpace()
    optimizer = configure_optimizer(model)
    for step in range(1, 601):
        entry, owed = evenings(16)
        loss = (model(entry) - owed).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            with torch.no_grad():
                entry, owed = evenings(100, 3 * LENGTH)
                left = (model(entry) - owed).square().mean() / owed.var()
                slowest = torch.exp(-model.A_log).max().item()
            print(
                f"step {step} loss {loss.item():.4f} left of long evenings {left.item():.3f}, longest memory {slowest:.0f} steps"
            )


if __name__ == "__main__":
    main()
