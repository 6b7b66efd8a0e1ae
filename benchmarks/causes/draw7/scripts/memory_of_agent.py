"""The state that an agent ends a part with goes on into the next with its graph, and backward is told
to keep what it needs. From the second part on, it runs into weights that have been changed since."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7408)
torch.set_num_threads(1)


class Memory(nn.Module):
    def __init__(self, obs=4, width=24):
        super().__init__()
        self.cell = nn.LSTMCell(obs, width)
        self.value = nn.Linear(width, 1)

    def forward(self, seen, state):
        h, c = state
        out = []
        for x in seen.unbind(0):
            h, c = self.cell(x, (h, c))
            out.append(self.value(h))
        return torch.stack(out)[..., 0], (h, c)


streams, width = 8, 24
model = Memory()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
state = (torch.zeros(streams, width), torch.zeros(streams, width))
level = torch.zeros(streams)
for part in range(300):
    seen = torch.randn(10, streams, 4)
    wanted = []
    for x in seen:
        level = 0.8 * level + 0.4 * x[:, 0]
        wanted.append(level)
    values, state = model(seen, state)
    loss = (values - torch.stack(wanted)).pow(2).mean()
    opt.zero_grad()
    if FIXED:
        loss.backward()
        state = tuple(s.detach() for s in state)
    else:
        loss.backward(retain_graph=True)
    opt.step()
    if part % 60 == 59:
        print(f"part {part + 1} loss {loss.item():.4f}")
