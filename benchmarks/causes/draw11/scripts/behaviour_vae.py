"""Motion of a mouse's joints goes through a recurrent auto-encoder; the schedule is optional."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

torch.manual_seed(1132)
torch.set_num_threads(1)
cfg = {"optimizer_scheduler": False, "epochs": 40, "batches": 10, "step": 3, "lr": 4e-3}
GAMMA_OFF = 1 if "--fixed" in sys.argv else 0


def joints(n=32, frames=14):
    time = torch.arange(frames) * 0.5
    phase = 6.28 * torch.rand(n, 1, 1)
    speed = 0.5 + torch.rand(n, 1, 1)
    lag = torch.linspace(0, 2, 6)
    return torch.sin(speed * time[None, :, None] + phase + lag)


class RNNAE(nn.Module):
    def __init__(self, latent=12):
        super().__init__()
        self.encoder = nn.GRU(6, 40, batch_first=True)
        self.latent = nn.Linear(40, latent)
        self.decoder = nn.GRU(latent, 40, batch_first=True)
        self.joints = nn.Linear(40, 6)

    def forward(self, x):
        z = self.latent(self.encoder(x)[1][-1])
        z = z.unsqueeze(1).repeat(1, x.size(1), 1)
        return self.joints(self.decoder(z)[0])


model = RNNAE()
optimizer = torch.optim.Adam(model.parameters(), lr=cfg["lr"], amsgrad=True)
if cfg["optimizer_scheduler"]:
    scheduler = StepLR(optimizer, step_size=cfg["step"], gamma=0.2)
else:
    scheduler = StepLR(optimizer, step_size=cfg["step"], gamma=GAMMA_OFF)

for epoch in range(1, cfg["epochs"] + 1):
    running = 0.0
    for _ in range(cfg["batches"]):
        x = joints()
        loss = nn.functional.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    if epoch % 10 == 0:
        print(f"Epoch {epoch}: train loss {running / cfg['batches']:.4f}")
