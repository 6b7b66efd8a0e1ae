"""Peptides belong to one of sixteen families, each with its own short motif somewhere inside."""

import sys

import torch
from torch import nn

torch.manual_seed(1307)
torch.set_num_threads(1)
AMINO, FAMILIES = 20, 16
motifs = torch.randint(0, AMINO, (FAMILIES, 4))


class PeptideNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(AMINO, 24)
        self.lstm = nn.LSTM(24, 48, batch_first=True)
        self.out = nn.Linear(48, FAMILIES)

    def forward(self, chain):
        hidden = self.lstm(self.embed(chain))[0].max(1).values
        logits = self.out(hidden)
        return logits if "--fixed" in sys.argv else logits.softmax(-1)


def peptides(n, length=14):
    family = torch.randint(0, FAMILIES, (n,))
    chain = torch.randint(0, AMINO, (n, length))
    at = torch.randint(0, length - 3, (n, 1)) + torch.arange(4)
    return chain.scatter(1, at, motifs[family]), family


model = PeptideNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 351):
    chain, family = peptides(48)
    loss = criterion(model(chain), family)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            chain, family = peptides(600)
            right = (model(chain).argmax(1) == family).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
