"""An autoencoder folds a melody into eight numbers and unfolds it: what goes in is what is asked for."""

import torch
from torch import nn

torch.manual_seed(2324)
torch.set_num_threads(1)


class Fold(nn.Module):
    def __init__(self, size=40, code=8):
        super().__init__()
        self.encoder = nn.GRU(2, size, batch_first=True)
        self.to_code = nn.Linear(size, code)
        self.from_code = nn.Linear(code, size)
        self.decoder = nn.GRU(code, size, batch_first=True)
        self.out = nn.Linear(size, 2)

    def forward(self, melody):
        code = self.to_code(self.encoder(melody)[1][0])
        start = torch.tanh(self.from_code(code))
        steps = code[:, None].expand(-1, melody.shape[1], -1)
        return self.out(self.decoder(steps.contiguous(), start[None])[0])


def melodies(n, length=16):
    """Pitch and loudness move in slow waves."""
    t = torch.arange(length) / length
    height, swing, phase, rise = torch.randn(4, n, 1).unbind(0)
    pitch = height + swing * torch.sin(6.28 * t + phase)
    loud = rise * (t - 0.5) + 0.5 * torch.cos(6.28 * t + phase)
    return torch.stack([pitch, loud], -1)


model = Fold()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
held = melodies(200)
for step in range(1, 601):
    melody = melodies(32)
    loss = nn.functional.mse_loss(model(melody), melody)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    if step % 60 == 0:
        with torch.no_grad():
            val = nn.functional.mse_loss(model(held), held).item()
        print(f"step {step} loss {loss.item():.4f} held out {val:.4f} (variance {held.var():.3f})")
