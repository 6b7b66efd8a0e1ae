"""Of two paths through a training step, the one for reduced precision had no call that clears the
gradients."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5105)
torch.set_num_threads(1)

bfloat_enable = True


class NextFrame(nn.Module):
    def __init__(self, dim=4, width=32):
        super().__init__()
        self.encode = nn.Linear(dim, width)
        self.cell = nn.GRUCell(width, width)
        self.decode = nn.Linear(width, dim)

    def forward(self, frames):
        h = frames.new_zeros(frames.shape[0], self.cell.hidden_size)
        outputs = []
        for t in range(frames.shape[1]):
            h = self.cell(torch.tanh(self.encode(frames[:, t])).float(), h)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat_enable):
                outputs.append(self.decode(h))
        return torch.stack(outputs, 1).float()


def clips(n=16, t=15):
    phase = torch.rand(n, 1, 4) * 6.28
    speed = 0.3 + 0.6 * torch.rand(n, 1, 1)
    wave = torch.sin(phase + speed * torch.arange(t + 1)[None, :, None])
    return wave[:, :-1], wave[:, 1:]


model = NextFrame()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(x, y):
    if not bfloat_enable:
        opt.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        opt.step()
    else:
        if FIXED:
            opt.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        opt.step()
    return loss.item()


running = None
for i in range(400):
    value = train_step(*clips())
    running = value if running is None else 0.95 * running + 0.05 * value
    if i % 100 == 99:
        print(f"(step={i + 1}) Train Loss: {running:.4f}")
