"""Which of four seals a scroll bore, told at its end: the seal is seen at the top only, then come plain lines."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1755)
torch.set_num_threads(1)
SEALS, LINES = 4, 50


def scrolls(n):
    seal = torch.randint(0, SEALS, (n,))
    lines = 0.1 * torch.randn(n, LINES, SEALS + 1)
    lines[:, 0, :SEALS] += 2 * F.one_hot(seal, SEALS).float()
    lines[:, -1, SEALS] += 2
    return lines, seal


class ScrollNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        if "--fixed" in sys.argv:
            self.rnn = nn.LSTM(SEALS + 1, size, batch_first=True)
            nn.init.constant_(self.rnn.bias_ih_l0[size : 2 * size], 3.0)
        else:
            self.rnn = nn.RNN(SEALS + 1, size, batch_first=True)
        self.fc = nn.Linear(size, SEALS)

    def forward(self, lines):
        out, _ = self.rnn(lines)
        return self.fc(out[:, -1])


model = ScrollNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 401):
    lines, seal = scrolls(24)
    loss = F.cross_entropy(model(lines), seal)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            lines, seal = scrolls(300)
            right = (model(lines).argmax(1) == seal).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} seals right {right:.3f}")
