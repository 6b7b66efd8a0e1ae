"""The state to begin with is a parameter like any other, the same for all rows."""

import torch
from torch import nn

torch.manual_seed(6225)
torch.set_num_threads(1)


class Grammar(nn.Module):
    def __init__(self, symbols=7, width=32):
        super().__init__()
        self.h0 = nn.Parameter(torch.zeros(width))
        self.inp = nn.Embedding(symbols, width)
        self.cell = nn.GRUCell(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, symbols)

    def forward(self, tokens):
        h = self.h0.expand(len(tokens), -1)
        said = [self.out(self.norm(h))]
        for t in range(tokens.shape[1] - 1):
            h = self.cell(self.inp(tokens[:, t]), h)
            said.append(self.out(self.norm(h)))
        return torch.stack(said, 1)


edges = {0: [(0, 1), (3, 2)], 1: [(1, 1), (2, 3)], 2: [(4, 2), (5, 3)], 3: [(2, 2), (6, 0)]}


def words(n=32, t=10):
    rows = []
    for _ in range(n):
        node, row = 0, []
        for coin in (torch.rand(t) < 0.5).tolist():
            symbol, node = edges[node][int(coin)]
            row.append(symbol)
        rows.append(row)
    return torch.tensor(rows)


model = Grammar()
opt = torch.optim.NAdam(model.parameters(), lr=5e-3)
for step in range(250):
    tokens = words()
    loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(f"{step + 1} loss {loss.item():.4f}, of {torch.tensor(2.0).log().item():.4f} at best")
