"""Sequences of residues get vectors that lie near those of their class; the training is in rounds."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9027)
torch.set_num_threads(1)
CLASSES, adaptive_rate = 6, 2


class LayerNormNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.rnn = nn.GRU(16, 32, batch_first=True)
        self.fc, self.ln = nn.Linear(32, 16), nn.LayerNorm(16)

    def forward(self, x):
        return nn.functional.normalize(self.ln(self.fc(self.rnn(self.embed(x))[1][0])), dim=1)


motif = torch.randint(0, 20, (CLASSES, 5))


def residues(per_class=5):
    label = torch.arange(CLASSES).repeat_interleave(per_class)
    x = torch.randint(0, 20, (len(label), 14))
    start = torch.randint(0, 10, (len(label), 1))
    x.scatter_(1, start + torch.arange(5), motif[label])
    return x, label


def supcon(z, label, temperature=0.2):
    same = label[:, None] == label
    eye = torch.eye(len(label), dtype=torch.bool)
    logits = (z @ z.T / temperature).masked_fill(eye, -1e9)
    log_prob = logits.log_softmax(1)
    same = same & ~eye
    return -(log_prob * same).sum(1).div(same.sum(1)).mean()


def make_optimizer():
    return torch.optim.RMSprop(model.parameters(), lr=2.5e-2)


model = LayerNormNet()
optimizer = make_optimizer()
recent = []
for epoch in range(1, 401):
    if epoch % adaptive_rate == 0 and not FIXED:
        optimizer = make_optimizer()
    x, label = residues()
    loss = supcon(model(x), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if epoch % 80 == 0:
        print(f"epoch {epoch} | supcon {sum(recent[-80:]) / 80:.4f}")
