"""Charges of a battery from voltage and current: an LSTM whose weights are drawn by a hook."""

import sys

import torch
from torch import nn

torch.manual_seed(1253)
torch.set_num_threads(1)


def init_weights(module):
    """Called for every part of the model."""
    if isinstance(module, nn.LSTM):
        for name, p in module.named_parameters():
            if "weight" in name:
                if "--fixed" in sys.argv:
                    nn.init.xavier_uniform_(p)
                else:
                    nn.init.uniform_(p, -5, 5)
            else:
                nn.init.zeros_(p)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class BatteryModule(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, num_layers=2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 24), nn.ReLU(), nn.Linear(24, 1))
        self.apply(init_weights)

    def forward(self, x):
        return self.head(self.lstm(x)[0]).squeeze(-1)

    def training_step(self, batch):
        x, charge = batch
        return nn.functional.mse_loss(self(x), charge)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def drives(n=32, length=30):
    """Current flows in and out by turns; the voltage sags under load and follows the charge."""
    start = torch.randn(n, 1)
    current = torch.randn(n, length // 5).repeat_interleave(5, 1)
    charge = start + 0.15 * current.cumsum(1)
    voltage = 0.5 * torch.tanh(charge) - 0.3 * current + 0.05 * torch.randn(n, length)
    return torch.stack([voltage, current], -1), charge


model = BatteryModule()
optimizer = model.configure_optimizers()
mean = 0.0
for step in range(1, 601):
    loss = model.training_step(drives())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    mean += loss.item() / 60
    if step % 60 == 0:
        print(f"step {step} train_loss {mean:.4f}")
        mean = 0.0
