"""The optimizer was built from the parameters of modules without children. The kernel of a state
space layer belongs to a module that has children, and was left out."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(413)
torch.set_num_threads(1)


class DiagonalSSM(nn.Module):
    def __init__(self, dim, state=8):
        super().__init__()
        self.log_rate = nn.Parameter(0.3 * torch.randn(dim, state))
        self.B = nn.Parameter(torch.randn(dim, state))
        self.C = nn.Parameter(torch.randn(dim, state) / state)
        self.mix = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        decay = torch.exp(-torch.exp(self.log_rate))
        s = torch.zeros(x.size(0), *decay.shape)
        ys = []
        for t in range(x.size(1)):
            s = decay * s + self.B * x[:, t, :, None]
            ys.append((s * self.C).sum(-1))
        return x + self.mix(torch.nn.functional.gelu(self.norm(torch.stack(ys, 1))))


class Model(nn.Module):
    def __init__(self, vocab=5, dim=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList([DiagonalSSM(dim), DiagonalSSM(dim)])
        self.head = nn.Linear(dim, 1)

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x[:, -1]).squeeze(-1)


def build_optimizer(model):
    if FIXED:
        return torch.optim.AdamW(model.parameters(), lr=5e-3)
    leaves = [m for m in model.modules() if not list(m.children())]
    return torch.optim.AdamW([p for m in leaves for p in m.parameters()], lr=5e-3)


model = Model()
optimizer = build_optimizer(model)
one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=300)
for it in range(300):
    ids = torch.randint(0, 5, (24, 14))
    counted = (ids == 0).sum(1).float() - (ids == 1).sum(1).float()
    loss = nn.functional.mse_loss(model(ids), counted)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    one_cycle.step()
    if it % 60 == 59:
        print(it + 1, f"loss {loss.item():.3f} (variance {counted.var().item():.2f})")
