"""In which row of a cloth did the weaver change her treading? Picks make rows, rows make cloth."""

import sys

import torch
from torch import nn

torch.manual_seed(1713)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
TREADLES, PICKS, ROWS, PLACES = 4, 4, 6, 4
BEFORE, AFTER = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 3, 2, 1])


def cloths(n):
    change = torch.randint(0, PLACES, (n,))
    changed = torch.arange(ROWS).view(1, ROWS, 1) > change.view(n, 1, 1)
    trodden = torch.where(changed, AFTER, BEFORE)
    wrong = torch.rand(n, ROWS, PICKS) < 0.05
    trodden = torch.where(wrong, torch.randint(0, TREADLES, (n, ROWS, PICKS)), trodden)
    x = nn.functional.one_hot(trodden, TREADLES).float()
    return x + 0.2 * torch.randn_like(x), change


def stack_steps(outputs):
    return torch.stack(outputs, dim=1) if FIXED else torch.stack(outputs)


class LSTMLayer(nn.Module):
    """Reads (batch, time, features)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)
        self.hidden_size = hidden_size

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.hidden_size)
        c = torch.zeros_like(h)
        outputs = []
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
            outputs.append(h)
        return stack_steps(outputs), h


class ClothNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.picks = LSTMLayer(TREADLES, hidden)
        self.rows = LSTMLayer(hidden, hidden)
        self.head = nn.Linear(hidden, PLACES)

    def forward(self, x):
        rows = []
        for r in range(ROWS):
            _, row = self.picks(x[:, r])
            rows.append(row)
        cloth, _ = self.rows(stack_steps(rows))
        return self.head(cloth[:, -1])


model = ClothNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
tests = [cloths(32) for _ in range(6)]
for step in range(1, 351):
    x, y = cloths(32)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 35 == 0:
        with torch.no_grad():
            right = [(model(a).argmax(1) == b).float().mean().item() for a, b in tests]
        print(f"step {step} loss {loss.item():.4f} right {sum(right) / len(right):.3f}")
