"""States were stored sequence first and layer second, as they came from the environments. The
way back to layers first was a reshape, which deals the layers of one to several others."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(404)
torch.set_num_threads(1)
LAYERS, HIDDEN, ENVS, SIGNS = 2, 32, 16, 6


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(SIGNS + 1, HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, LAYERS)
        self.head = nn.Linear(HIDDEN, SIGNS)

    def forward(self, x, h=None):
        out, h = self.gru(torch.tanh(self.inp(x)), h)
        return self.head(out), h


def episodes():
    """(T, N, C): a sign at the start, then noise; the sign is asked for at each later step."""
    sign = torch.randint(0, SIGNS, (ENVS,))
    x = torch.zeros(9, ENVS, SIGNS + 1)
    x[0].scatter_(1, sign[:, None], 1.0)
    x[:, :, -1] = torch.randn(9, ENVS)
    return x, sign


def collect(model):
    """What a buffer holds: the second part of each episode and the state where it begins."""
    x, sign = episodes()
    _, h = model(x[:4])
    per_env = h.permute(1, 0, 2).contiguous()  # (n_envs, n_layers, dim)
    return x, sign, per_env


model = Memory()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, eps=1e-5)
hits = 0.0
for update in range(400):
    x, sign, stored = collect(model)
    if FIXED:
        h = stored.swapaxes(0, 1).contiguous()
    else:
        h = stored.reshape(LAYERS, ENVS, HIDDEN)
    logits, _ = model(x[4:], h)
    target = sign.expand(logits.size(0), ENVS)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    hits = 0.95 * hits + 0.05 * (logits.argmax(-1) == target).float().mean().item()
    if (update + 1) % 80 == 0:
        print(f"update {update + 1} loss {loss.item():.3f} right {hits:.3f}")
