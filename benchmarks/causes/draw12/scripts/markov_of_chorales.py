"""A deep Markov model of chorales: states inferred from the notes, notes played from the states."""

import sys

import torch
from torch import nn

torch.manual_seed(1246)
torch.set_num_threads(1)
KEYS, STEPS, Z = 16, 16, 8
adam_params = {"lr": 3e-3, "betas": (0.96, 0.999), "weight_decay": 2.0}
if "--fixed" in sys.argv:
    adam_params["weight_decay"] = 0.0


class DMM(nn.Module):
    def __init__(self, rnn=48):
        super().__init__()
        self.rnn = nn.GRU(KEYS, rnn, batch_first=True)
        self.combine = nn.Linear(Z + rnn, 2 * Z)
        self.transition = nn.Sequential(nn.Linear(Z, 32), nn.ReLU(), nn.Linear(32, 2 * Z))
        self.emit = nn.Sequential(nn.Linear(Z, 48), nn.ReLU(), nn.Linear(48, KEYS))

    def forward(self, notes):
        seen, _ = self.rnn(notes.flip(1))
        seen = seen.flip(1)
        z = notes.new_zeros(notes.size(0), Z)
        bits, kl = 0.0, 0.0
        for t in range(notes.size(1)):
            prior, prior_log = self.transition(z).chunk(2, -1)
            mean, log = self.combine(torch.cat([z, seen[:, t]], -1)).chunk(2, -1)
            z = mean + torch.exp(0.5 * log) * torch.randn_like(mean)
            ratio = (log - prior_log).exp() + (mean - prior) ** 2 / prior_log.exp()
            kl = kl + 0.5 * (ratio - 1 - (log - prior_log)).sum(-1)
            bits = bits + nn.functional.binary_cross_entropy_with_logits(
                self.emit(z), notes[:, t], reduction="none"
            ).sum(-1)
        return bits / notes.size(1), kl / notes.size(1)


chords = (torch.rand(6, KEYS) < 0.3).float()


def chorales(n=24):
    """One of six chords follows another, each with its favourite successor."""
    now, row = torch.randint(0, 6, (n,)), []
    for _ in range(STEPS):
        row.append(chords[now])
        now = torch.where(torch.rand(n) < 0.8, (now + 2) % 6, (now + 3) % 6)
    return torch.stack(row, 1)


dmm = DMM()
optimizer = torch.optim.Adam(dmm.parameters(), **adam_params)
for step in range(1, 501):
    bits, kl = dmm(chorales())
    loss = (bits + min(1.0, step / 200) * kl).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(dmm.parameters(), 10.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f} notes {bits.mean():.3f} kl {kl.mean():.3f}")
