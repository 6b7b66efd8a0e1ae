"""A net learns one set of shapes; then its stem rests, in eval, while a new reader is trained."""

import torch
from torch import nn

torch.manual_seed(1172)
torch.set_num_threads(1)

stem = nn.Sequential(
    nn.Conv1d(2, 16, 5, padding=2),
    nn.BatchNorm1d(16),
    nn.ReLU(),
    nn.Conv1d(16, 16, 3, padding=1),
    nn.BatchNorm1d(16),
    nn.ReLU(),
)


class Reader(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(24, classes)

    def forward(self, maps):
        return self.out(self.drop(self.gru(maps.transpose(1, 2))[1][-1]))


def signals(kinds, n=32):
    y = torch.randint(0, kinds, (n,))
    t = torch.arange(20).float()
    wave = torch.sin((0.25 + 0.3 * y[:, None]) * t + 6.28 * torch.rand(n, 1))
    return torch.stack([wave, wave.square()], 1) + 0.2 * torch.randn(n, 2, 20), y


def fit(reader, kinds, weights, steps, forward):
    optimizer = torch.optim.Adam(weights, lr=3e-3)
    for step in range(1, steps + 1):
        x, y = signals(kinds)
        loss = nn.functional.cross_entropy(forward(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"{kinds} kinds, step {step}: loss {loss.item():.4f}")


first = Reader(3)
fit(first, 3, [*stem.parameters(), *first.parameters()], 200, lambda x: first(stem(x)))

stem.eval().requires_grad_(False)
second = Reader(4)
second.train()
fit(second, 4, second.parameters(), 400, lambda x: second(stem(x)))
