"""A kiln's heat an hour from now, from the burner's settings; a stack of GRU cells by hand."""

import sys

import torch
from torch import nn

torch.manual_seed(1512)
torch.set_num_threads(1)
STEPS, INPUTS = 16, 3


def firings(n):
    """Burner, flap and draught; the kiln follows them through a mass that is slow and a fast one."""
    settings = torch.rand(n, STEPS, INPUTS) * 2 - 1
    slow = torch.zeros(n)
    fast = torch.zeros(n)
    heat = []
    for t in range(STEPS):
        burner, flap, draught = settings[:, t].unbind(-1)
        slow = 0.85 * slow + 0.35 * burner * (1 + flap)
        fast = 0.4 * fast + 0.6 * draught * burner
        heat.append(slow + fast)
    return settings, torch.stack(heat, 1).unsqueeze(-1)


class StackedGRU(nn.Module):
    def __init__(self, inputs, size, layers):
        super().__init__()
        self.size = size
        cells = [nn.GRUCell(inputs if i == 0 else size, size) for i in range(layers)]
        self.cells = nn.ModuleList(cells) if "--fixed" in sys.argv else cells
        self.out = nn.Linear(size, 1)

    def forward(self, x):
        states = [x.new_zeros(len(x), self.size) for _ in self.cells]
        heat = []
        for t in range(x.size(1)):
            inp = x[:, t]
            for i, cell in enumerate(self.cells):
                states[i] = cell(inp, states[i])
                inp = states[i]
            heat.append(self.out(inp))
        return torch.stack(heat, 1)


model = StackedGRU(INPUTS, 24, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
mse = nn.MSELoss()
test_x, test_y = firings(256)
for step in range(300):
    x, y = firings(32)
    optimizer.zero_grad()
    loss = mse(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    scheduler.step()
    if step % 50 == 49:
        with torch.no_grad():
            error = mse(model(test_x), test_y) / test_y.var()
        print(f"step {step + 1} loss {loss.item():.4f} unexplained {error:.4f}")
