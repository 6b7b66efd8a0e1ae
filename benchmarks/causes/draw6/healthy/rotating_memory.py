"""A recurrent matrix that is kept orthogonal by its parametrization, on a copy over a gap."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

torch.manual_seed(6219)
torch.set_num_threads(1)


class OrthogonalRNN(nn.Module):
    def __init__(self, symbols=6, width=40):
        super().__init__()
        self.inp = nn.Linear(symbols, width)
        self.rec = orthogonal(nn.Linear(width, width, bias=False))
        self.bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, symbols)
        self.width = width

    def forward(self, x):
        h, said = torch.zeros(x.shape[0], self.width), []
        for step in x.unbind(1):
            z = self.inp(step) + self.rec(h)
            h = z.sign() * torch.relu(z.abs() + self.bias)
            said.append(self.out(h))
        return torch.stack(said, 1)


def gaps(n=32, gap=10):
    symbol = torch.randint(0, 4, (n,))
    tokens = torch.full((n, gap + 2), 4)
    tokens[:, 0], tokens[:, -1] = symbol, 5
    return nn.functional.one_hot(tokens, 6).float(), symbol


model = OrthogonalRNN()
opt = torch.optim.RMSprop(model.parameters(), lr=2e-3, alpha=0.9)
for step in range(250):
    x, symbol = gaps()
    scores = model(x)[:, -1]
    loss = nn.functional.cross_entropy(scores, symbol)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        acc = (scores.argmax(1) == symbol).float().mean().item()
        print(f"{step + 1} loss {loss.item():.4f} accuracy {acc:.2f}")
