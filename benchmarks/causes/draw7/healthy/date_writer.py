"""From one way of writing a date to another: an encoder, a decoder that is told the truth, greedy checks."""

import torch
from torch import nn

torch.manual_seed(7622)
torch.set_num_threads(1)

V, BOS = 14, 13


class Writer(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.emb = nn.Embedding(V, d)
        self.enc = nn.LSTM(d, d, batch_first=True)
        self.dec = nn.LSTM(d, d, batch_first=True)
        self.out = nn.Linear(d, V)

    def forward(self, src, given):
        _, state = self.enc(self.emb(src))
        return self.out(self.dec(self.emb(given), state)[0])

    def write(self, src, steps):
        _, state = self.enc(self.emb(src))
        token = torch.full((src.size(0), 1), BOS)
        said = []
        for _ in range(steps):
            y, state = self.dec(self.emb(token), state)
            token = self.out(y).argmax(-1)
            said.append(token)
        return torch.cat(said, 1)


def dates(n=32):
    day = torch.randint(1, 29, (n,))
    month = torch.randint(1, 13, (n,))
    sep = torch.full((n,), 10)
    src = torch.stack([day // 10, day % 10, sep, month // 10, month % 10], 1)
    tgt = torch.stack([month // 10, month % 10, sep + 1, day // 10, day % 10], 1)
    return src, tgt


model = Writer()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    src, tgt = dates()
    given = torch.cat([torch.full((len(tgt), 1), BOS), tgt[:, :-1]], 1)
    loss = nn.functional.cross_entropy(model(src, given).transpose(1, 2), tgt)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 == 79:
        model.eval()
        with torch.no_grad():
            src, tgt = dates(100)
            right = (model.write(src, 5) == tgt).all(1).float().mean().item()
        model.train()
        print(f"{step + 1} loss {loss.item():.4f} whole dates {right:.2f}")
