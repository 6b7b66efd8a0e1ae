"""Water level of a canal lock an hour ahead, from gates and inflow; a GRU with a slow start."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(1433)
torch.set_num_threads(1)


class LockModel(nn.Module):
    def __init__(self, inputs=3, hidden=40):
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0]).squeeze(-1)


class Trainer:
    def __init__(self, model, lr=0.1, warmup_steps=25):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.warmup_steps = warmup_steps
        if "--fixed" in sys.argv:
            self.scheduler = LambdaLR(self.optimizer, lambda s: min(1.0, (s + 1) / warmup_steps))
        else:
            self.scheduler = LambdaLR(self.optimizer, lambda s: (s + 1) / warmup_steps)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    def fit(self, steps, test):
        for step in range(steps):
            loss = self.step(*hours(32))
            if step % 50 == 0 or step == steps - 1:
                with torch.no_grad():
                    error = nn.functional.mse_loss(self.model(test[0]), test[1]).item()
                lr = self.optimizer.param_groups[0]["lr"]
                print(f"step {step} loss {loss:.4f} test {error:.4f} lr {lr:.4f}")


def hours(n, length=16):
    gate = (torch.rand(n, length) < 0.3).float()
    inflow = torch.rand(n, 1) + 0.2 * torch.randn(n, length)
    level, levels = torch.zeros(n), [torch.zeros(n)]
    for t in range(length):
        level = 0.85 * level + 0.4 * inflow[:, t] - 0.8 * gate[:, t] * level.clamp(min=0)
        levels.append(level)
    levels = torch.stack(levels, dim=1)
    seen = levels[:, :-1] + 0.05 * torch.randn(n, length)
    return torch.stack([seen, gate, inflow], dim=-1), levels[:, 1:]


test = hours(300)
print(f"variance of the level {test[1].var():.4f}")
Trainer(LockModel()).fit(501, test)
