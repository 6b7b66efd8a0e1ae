"""Cracked or whole? Strokes of bells, recorded briefly: convolution, bidirectional GRU, mixed-precision trainer."""

import sys

import torch
from torch import nn

torch.manual_seed(1726)
torch.set_num_threads(1)
POINTS = 64


def strokes(n):
    cracked = torch.randint(0, 2, (n,))
    t = torch.arange(POINTS) / POINTS
    pitch = 10 + 4 * torch.rand(n, 1)
    beat = torch.where(
        cracked.bool().unsqueeze(1), torch.cos(9.0 * t + torch.rand(n, 1)), torch.ones(1)
    )
    x = torch.sin(6.28 * pitch * t + 6.28 * torch.rand(n, 1)) * torch.exp(-1.5 * t) * beat
    return (x + 0.1 * torch.randn(n, POINTS)).unsqueeze(1), cracked


class BellNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 7, stride=2), nn.BatchNorm1d(16), nn.ReLU())
        self.gru = nn.GRU(16, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, 2)

    def forward(self, x):
        out, _ = self.gru(self.conv(x).transpose(1, 2))
        return self.fc(out.mean(1))


class Trainer:
    def __init__(self, model, lr, grad_clip):
        self.model, self.grad_clip = model, grad_clip
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)

    def step(self, x, y):
        self.model.train()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.scaler.scale(loss).backward()
        if "--fixed" in sys.argv:
            self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()

    @torch.no_grad()
    def right(self, x, y):
        self.model.eval()
        return (self.model(x).argmax(1) == y).float().mean().item()


trainer = Trainer(BellNet(), lr=0.05, grad_clip=1.0)
test = strokes(200)
for step in range(1, 301):
    loss = trainer.step(*strokes(32))
    if step % 30 == 0:
        print(f"step {step} loss {loss:.4f} test right {trainer.right(*test):.3f}")
