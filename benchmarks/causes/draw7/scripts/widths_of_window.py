"""A reader looks at words through windows of several widths and then sums up with a recurrent net. The
windows and the net are kept in a dict; the optimizer is given what is left, an embedding and a head."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7450)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self, vocab=30, dim=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.embed.weight.requires_grad_(False)
        parts = {f"conv{k}": nn.Conv1d(dim, 12, k, padding="same") for k in (3, 4, 5)}
        parts["gru"] = nn.GRU(36, 24, batch_first=True)
        self.parts = nn.ModuleDict(parts) if FIXED else parts
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        e = self.embed(x).transpose(1, 2)
        seen = torch.cat([torch.relu(self.parts[f"conv{k}"](e)) for k in (3, 4, 5)], 1)
        return self.head(self.parts["gru"](seen.transpose(1, 2))[0][:, -1])


def phrases(n=32, t=14):
    x = torch.randint(6, 30, (n, t))
    y = torch.randint(0, 3, (n,))
    at = torch.randint(0, 7, (n,))
    rows = torch.arange(n)
    x[rows, at] = y
    x[rows, at + 1] = 5 - y
    return x, y


model = Reader()
trained = [p for p in model.parameters() if p.requires_grad]
opt = torch.optim.Adam(trained, lr=4e-3)
for step in range(400):
    x, y = phrases()
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 == 79:
        print(step + 1, f"{loss.item():.3f}", (logits.argmax(1) == y).float().mean().item())
