"""Tunes are pressed into a short code and given back note by note."""

import torch
from torch import nn

torch.manual_seed(1236)
torch.set_num_threads(1)
NOTES, LENGTH = 10, 9


class TuneCoder(nn.Module):
    def __init__(self, size=64, code=16):
        super().__init__()
        self.notes = nn.Embedding(NOTES, 24)
        self.encoder = nn.GRU(24, size, batch_first=True, bidirectional=True)
        self.code = nn.Linear(2 * size, code)
        self.decoder = nn.GRU(code, size, batch_first=True)
        self.back = nn.Linear(size, NOTES)

    def forward(self, tune):
        _, hidden = self.encoder(self.notes(tune))
        code = torch.tanh(self.code(torch.cat([hidden[0], hidden[1]], -1)))
        out, _ = self.decoder(code.unsqueeze(1).repeat(1, tune.size(1), 1))
        return self.back(out)


def tunes(n=48):
    """A start, a step and a turning point make a tune."""
    start, step = torch.randint(0, NOTES, (n, 1)), torch.randint(1, 4, (n, 1))
    turn = torch.randint(3, LENGTH - 2, (n, 1))
    t = torch.arange(LENGTH)
    climb = torch.minimum(t.expand(n, -1), turn) - (t - turn).clamp(min=0)
    return (start + step * climb) % NOTES


model = TuneCoder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for i in range(1, 601):
    tune = tunes()
    loss = nn.functional.cross_entropy(model(tune).mT, tune)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if i % 100 == 0:
        tune = tunes(300)
        with torch.no_grad():
            right = (model(tune).argmax(-1) == tune).float().mean()
        print(f"{i} loss {loss.item():.4f} notes right {right:.3f}")
