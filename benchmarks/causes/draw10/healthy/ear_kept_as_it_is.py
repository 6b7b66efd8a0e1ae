"""An ear is trained to tell pitches; then it is frozen and a new head learns to tell loudness."""

import torch
from torch import nn

torch.manual_seed(202)
torch.set_num_threads(1)


def sounds(n=32, t=24):
    pitch, loud = torch.randint(0, 3, (n,)), torch.randint(0, 3, (n,))
    phase = (0.4 + 0.4 * pitch[:, None]) * torch.arange(t) + 6.28 * torch.rand(n, 1)
    wave = (0.5 + 0.5 * loud[:, None]) * phase.sin() + 0.05 * torch.randn(n, t)
    return wave[..., None], pitch, loud


class Ear(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0].mean(1)


def fit(ear, head, which, steps):
    trained = [p for p in [*ear.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=8e-3)
    for step in range(steps):
        x, *labels = sounds()
        loss = nn.functional.cross_entropy(head(ear(x)), labels[which])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if step % 80 == 79:
            print(f"label {which}, step {step + 1}: {loss.item():.4f}")


ear = Ear()
fit(ear, nn.Linear(32, 3), 0, 240)
ear.requires_grad_(False)
fit(ear, nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)), 1, 320)
