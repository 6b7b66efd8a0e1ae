"""The hum of a machine is foretold a step ahead; the rate rises at the beginning."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(1233)
torch.set_num_threads(1)


class Hum(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.gru = nn.GRU(2, hidden, num_layers=2, batch_first=True)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.out(self.gru(x)[0])


def recordings(n=24, length=31):
    time = torch.arange(length) * 0.4
    pitch = 0.7 + 0.8 * torch.rand(n, 1)
    phase = 6.28 * torch.rand(n, 1)
    swing = pitch * time + phase
    both = torch.stack([torch.sin(swing), torch.sin(2 * swing) * 0.5], -1)
    return both + 0.03 * torch.randn_like(both)


class Trainer:
    def __init__(self, model, learning_rate=4e-3, warmup_steps=8):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

        def warmup_lambda(current_step):
            factor = (current_step + 1) / warmup_steps
            return min(1.0, factor) if "--fixed" in sys.argv else factor

        self.lr_scheduler = LambdaLR(self.optimizer, lr_lambda=warmup_lambda)

    def fit(self, steps):
        for step in range(1, steps + 1):
            x = recordings()
            loss = nn.functional.mse_loss(self.model(x[:, :-1]), x[:, 1:])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if step % 60 == 0:
                rate = self.lr_scheduler.get_last_lr()[0]
                print(f"step {step} loss {loss.item():.4f} lr {rate:.4f}")
            self.lr_scheduler.step()


Trainer(Hum()).fit(600)
