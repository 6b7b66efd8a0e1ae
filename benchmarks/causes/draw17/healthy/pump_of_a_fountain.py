"""A fountain's pump is heard while all is well; a window that a net cannot give back is a fault."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1763)
torch.set_num_threads(1)
LENGTH, SENSORS = 20, 3


def windows(n, fault=False):
    tick = torch.arange(LENGTH).float()
    speed = 0.5 + 0.5 * torch.rand(n, 1)
    turn = speed * tick + 6.28 * torch.rand(n, 1)
    load = 0.5 + torch.rand(n, 1)
    sound = torch.stack([load * turn.sin(), load * (turn + 0.8).sin(), 0.5 * turn.cos()], dim=2)
    if fault:
        sound[:, 8:] = sound[:, 8:].roll(1, dims=2)  # a valve sticks
    return sound + 0.05 * torch.randn_like(sound)


class Autoencoder(nn.Module):
    def __init__(self, size=32, code=8):
        super().__init__()
        self.encoder = nn.GRU(SENSORS, size, batch_first=True)
        self.squeeze = nn.Linear(size, code)
        self.widen = nn.Linear(code, size)
        self.decoder = nn.GRU(code, size, batch_first=True)
        self.sound = nn.Linear(size, SENSORS)

    def forward(self, sound):
        code = self.squeeze(self.encoder(sound)[1][-1])
        steps = code.unsqueeze(1).expand(-1, LENGTH, -1)
        rows, _ = self.decoder(steps, torch.tanh(self.widen(code)).unsqueeze(0))
        return self.sound(rows)


@torch.no_grad()
def errors(model, sound):
    return (model(sound) - sound).pow(2).mean((1, 2))


loader = DataLoader(TensorDataset(windows(1280)), batch_size=32, shuffle=True)
model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 13):
    total = 0.0
    for (sound,) in loader:
        loss = nn.functional.mse_loss(model(sound), sound)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    well, faulty = errors(model, windows(200)), errors(model, windows(200, fault=True))
    limit = well.quantile(0.95)
    found = (faulty > limit).float().mean().item()
    print(f"epoch {epoch} loss {total / len(loader):.4f} faults found {found:.3f}")
