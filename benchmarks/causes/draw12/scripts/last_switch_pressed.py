"""Which of five switches was pressed last is told at each step, through long stretches of other keys."""

import sys

import torch
from torch import nn

torch.manual_seed(1202)
torch.set_num_threads(1)
KEYS, SWITCHES, STEPS = 24, 5, 30


class ResidualCells(nn.Module):
    def __init__(self, size=40, depth=2):
        super().__init__()
        self.size, self.depth = size, depth
        self.keys = nn.Embedding(KEYS, size)
        cells = [nn.GRUCell(size, size) for _ in range(depth)]
        self.cells = nn.ModuleList(cells) if "--fixed" in sys.argv else cells
        self.out = nn.Linear(size, SWITCHES)

    def forward(self, pressed):
        batch = pressed.size(0)
        h = [torch.zeros(batch, self.size) for _ in range(self.depth)]
        said = []
        for x in self.keys(pressed).unbind(1):
            for i, cell in enumerate(self.cells):
                h[i] = cell(x, h[i])
                x = x + h[i]
            said.append(self.out(x))
        return torch.stack(said, 1)


def presses(n=32):
    pressed = torch.randint(SWITCHES, KEYS, (n, STEPS))
    is_switch = torch.rand(n, STEPS) < 0.08
    is_switch[:, 0] = True
    switch = torch.randint(0, SWITCHES, (n, STEPS))
    pressed = torch.where(is_switch, switch, pressed)
    when = torch.where(is_switch, torch.arange(STEPS), 0).cummax(1).values
    return pressed, switch.gather(1, when)


net = ResidualCells()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(1, 401):
    pressed, last = presses()
    loss = nn.functional.cross_entropy(net(pressed).transpose(1, 2), last)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 == 0:
        pressed, last = presses(200)
        with torch.no_grad():
            right = (net(pressed).argmax(-1) == last).float().mean()
        print(f"{step} loss {loss.item():.4f} right {right:.3f}")
