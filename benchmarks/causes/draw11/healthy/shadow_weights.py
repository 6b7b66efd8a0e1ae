"""A slow copy of the weights follows the trained ones and is the one that is tested."""

import copy

import torch
from torch import nn

torch.manual_seed(1176)
torch.set_num_threads(1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 28, batch_first=True, bidirectional=True)
        self.clean = nn.Linear(56, 1)

    def forward(self, noisy):
        return self.clean(self.gru(noisy.unsqueeze(-1))[0]).squeeze(-1)


def songs(n=24, length=16):
    t = torch.arange(length) * 0.5
    clean = torch.sin((0.5 + torch.rand(n, 1)) * t + 6.28 * torch.rand(n, 1))
    return clean + 0.3 * torch.randn(n, length), clean


@torch.no_grad()
def follow(shadow, model, decay=0.98):
    for slow, quick in zip(shadow.parameters(), model.parameters(), strict=True):
        slow.lerp_(quick, 1 - decay)


model = Denoiser()
shadow = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 401):
    noisy, clean = songs()
    loss = nn.functional.smooth_l1_loss(model(noisy), clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    follow(shadow, model)
    if step % 80 == 0:
        noisy, clean = songs(200)
        with torch.no_grad():
            held = nn.functional.smooth_l1_loss(shadow(noisy), clean)
        print(f"step {step} loss {loss.item():.4f} shadow {held:.4f}")
