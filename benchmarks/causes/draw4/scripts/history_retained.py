"""A field is carried on from window to window, and retain_graph silenced the error that this
made. Each window went back to the first one, and took longer than the last."""

import sys
import time

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(410)
torch.set_num_threads(1)


class FieldRNN(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.up = nn.Linear(2, width)
        self.cell = nn.GRUCell(width, width)
        self.down = nn.Linear(width, 2)

    def forward(self, u, h, steps):
        frames = []
        for _ in range(steps):
            h = self.cell(torch.tanh(self.up(u)), h)
            u = u + 0.1 * self.down(h)
            frames.append(u)
        return torch.stack(frames), u, h


def truth(u, steps):
    turn = torch.tensor([[0.99, -0.14], [0.14, 0.99]])
    frames = []
    for _ in range(steps):
        u = u @ turn.T
        u = u / u.norm(dim=1, keepdim=True)
        frames.append(u)
    return torch.stack(frames)


model = FieldRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 20, 0.8)
for epoch in range(40):
    began = time.perf_counter()
    angle = 6.28 * torch.rand(8)
    start = torch.stack([angle.cos(), angle.sin()], 1)
    goal = truth(start, 40)
    u, h = start, torch.zeros(8, 8)
    optimizer.zero_grad()
    total = 0.0
    for window in range(8):
        out, u, h = model(u, h, 5)
        if FIXED:
            u, h = u.detach(), h.detach()
        loss = nn.functional.mse_loss(out, goal[5 * window : 5 * window + 5]) / 8
        loss.backward(retain_graph=not FIXED)
        total += loss.item()
    optimizer.step()
    scheduler.step()
    if epoch % 8 == 7:
        print(f"[{epoch + 1}] loss {total:.5f} took {time.perf_counter() - began:.3f} s")
