"""Refrains of twelve notes go through six numbers and come out again: a GRU on either side of a Gaussian."""

import torch
from torch import nn

torch.manual_seed(169202)
torch.set_num_threads(1)
NOTES, LENGTH, LATENT, RISE = 14, 12, 6, 300


def refrains(n):
    """A run upwards or downwards from a first note, with an early or a late turn; few slips."""
    start = torch.randint(3, 10, (n, 1))
    way = torch.randint(0, 2, (n, 1)) * 2 - 1
    turn = 4 + 4 * torch.randint(0, 2, (n, 1))
    t = torch.arange(LENGTH)
    notes = start + way * torch.minimum(t, 2 * turn - t) // 2
    slip = torch.rand(n, LENGTH) < 0.03
    notes = torch.where(slip, notes + 1, notes)
    return notes.clamp(0, NOTES - 1)


class RefrainVAE(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(NOTES, 16)
        self.beat = nn.Embedding(LENGTH, 8)
        self.encoder = nn.GRU(16, size, batch_first=True)
        self.to_mean = nn.Linear(size, LATENT)
        self.to_logvar = nn.Linear(size, LATENT)
        self.to_state = nn.Linear(LATENT, size)
        self.decoder = nn.GRU(8 + LATENT, size, batch_first=True)
        self.out = nn.Linear(size, NOTES)

    def forward(self, notes):
        _, state = self.encoder(self.embed(notes))
        mean, logvar = self.to_mean(state[-1]), self.to_logvar(state[-1])
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        beats = self.beat.weight.expand(len(notes), -1, -1)
        given = torch.cat([beats, z.unsqueeze(1).expand(-1, LENGTH, -1)], dim=-1)
        first = torch.tanh(self.to_state(z)).unsqueeze(0)
        return self.out(self.decoder(given, first)[0]), mean, logvar


model = RefrainVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 401):
    notes = refrains(32)
    logits, mean, logvar = model(notes)
    nll = nn.functional.cross_entropy(logits.transpose(1, 2), notes, reduction="none").sum(1).mean()
    kl = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).sum(1).mean()
    weight = min(1.0, step / RISE)
    loss = nll + weight * kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            notes = refrains(100)
            right = (model(notes)[0].argmax(-1) == notes).float().mean().item()
        print(
            f"step {step} loss {loss.item():.3f} nll {nll.item():.3f} kl {kl.item():.2f} "
            f"weight {weight:.2f} notes right {right:.3f}"
        )
