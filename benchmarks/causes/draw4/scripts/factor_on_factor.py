"""A warm-up multiplied the rate of the moment by its factor, where the rate at the start was
meant. The factors piled up, and soon nothing moved."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(416)
torch.set_num_threads(1)


class WarmUpMultiStepLR:
    def __init__(self, optimizer, milestones, factor=0.4, warm_up=60, gamma=0.3):
        self.optimizer, self.milestones = optimizer, milestones
        self.factor, self.warm_up, self.gamma = factor, warm_up, gamma
        self.base = [g["lr"] for g in optimizer.param_groups]
        self.count = 0

    def step(self):
        self.count += 1
        for base, group in zip(self.base, self.optimizer.param_groups, strict=True):
            if self.count <= self.warm_up:
                part = self.count / self.warm_up
                factor = self.factor * (1 - part) + part
            else:
                factor = self.gamma ** sum(self.count >= m for m in self.milestones)
            if FIXED:
                group["lr"] = base * factor
            elif self.count <= self.warm_up or self.count in self.milestones:
                group["lr"] = group["lr"] * factor


def strokes(n=24):
    """Which way was the pen moved first?"""
    y = torch.randint(0, 8, (n,))
    angle = y * (6.2832 / 8)
    x = 0.3 * torch.randn(12, n, 2)
    x[:5, :, 0] += angle.cos()
    x[:5, :, 1] += angle.sin()
    return x, y


net = nn.ModuleDict({"rnn": nn.GRU(2, 40), "fc": nn.Linear(40, 8)})
optimizer = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
scheduler = WarmUpMultiStepLR(optimizer, [240, 300])
for step in range(340):
    x, y = strokes()
    _, h = net["rnn"](x)
    logits = net["fc"](h[0])
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if (step + 1) % 68 == 0:
        acc = (logits.argmax(1) == y).float().mean().item()
        print(
            f"[Step {step + 1}] Loss {loss.item():.4f}, Acc {acc:.2f}, LR {optimizer.param_groups[0]['lr']:.2g}"
        )
