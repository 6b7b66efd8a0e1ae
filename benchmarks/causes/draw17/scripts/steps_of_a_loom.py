"""Which of four patterns does a weaver tread? Two layers of LSTM cells, written out by hand."""

import sys

import torch
from torch import nn

torch.manual_seed(1713)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
TREADLES, STEPS, PATTERNS = 4, 16, 4
ORDERS = torch.tensor([[0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 2, 1], [0, 1, 3, 2]])


def treadings(n):
    pattern = torch.randint(0, PATTERNS, (n,))
    start = torch.randint(0, 4, (n, 1))
    place = (start + torch.arange(STEPS)) % 4
    trodden = ORDERS[pattern].gather(1, place)
    wrong = torch.rand(n, STEPS) < 0.1
    trodden = torch.where(wrong, torch.randint(0, TREADLES, (n, STEPS)), trodden)
    x = nn.functional.one_hot(trodden, TREADLES).float()
    return x + 0.2 * torch.randn_like(x), pattern


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
        return torch.stack(outputs)


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers):
        super().__init__()
        sizes = [input_size] + [hidden_size] * num_layers
        self.layers = nn.ModuleList(
            LSTMLayer(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            if FIXED:
                x = x.transpose(0, 1)
        return x


class PatternNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(TREADLES, 12), nn.Tanh())
        self.lstm = LSTM(12, hidden, num_layers=2)
        self.head = nn.Linear(hidden, PATTERNS)

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[:, -1])


model = PatternNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
tests = [treadings(32) for _ in range(6)]
for step in range(1, 401):
    x, y = treadings(32)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            right = [(model(a).argmax(1) == b).float().mean().item() for a, b in tests]
        print(f"step {step} loss {loss.item():.4f} right {sum(right) / len(right):.3f}")
