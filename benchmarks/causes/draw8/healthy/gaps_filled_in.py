"""A reader fills in hidden symbols at first, and is then tuned, with a smaller rate, for a question."""

import torch
from torch import nn

torch.manual_seed(8219)
torch.set_num_threads(1)
SYMBOLS, HIDDEN = 10, 10


class Body(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS + 1, width)
        self.rnn = nn.LSTM(width, width, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.rnn(self.symbols(x))[0]


def rows(n=32, t=14):
    first, pace = torch.randint(0, SYMBOLS, (n, 1)), torch.randint(1, 4, (n, 1))
    return (first + pace * torch.arange(t)) % SYMBOLS, pace[:, 0] - 1


body, fill, answer = Body(), nn.Linear(64, SYMBOLS), nn.Linear(64, 3)
opt = torch.optim.Adam([*body.parameters(), *fill.parameters()], lr=5e-3)
for step in range(200):
    x, _ = rows()
    gap = torch.rand(x.shape) < 0.2
    scores = fill(body(x.masked_fill(gap, HIDDEN)))
    loss = nn.functional.cross_entropy(scores[gap], x[gap])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(f"filled {step + 1} {loss.item():.3f}")
tune = torch.optim.Adam(
    [{"params": body.parameters(), "lr": 5e-4}, {"params": answer.parameters(), "lr": 5e-3}]
)
for step in range(120):
    x, pace = rows()
    loss = nn.functional.cross_entropy(answer(body(x).mean(1)), pace)
    tune.zero_grad()
    loss.backward()
    tune.step()
    if step % 40 == 39:
        print(f"tuned {step + 1} {loss.item():.3f}")
