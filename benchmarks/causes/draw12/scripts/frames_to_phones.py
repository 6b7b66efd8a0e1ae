"""A stack of two-way GRUs names the phone that is spoken in each frame of a recording."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1229)
torch.set_num_threads(1)
PHONES, MELS, FRAMES = 10, 14, 30
FIXED = "--fixed" in sys.argv


class StackedBRNN(nn.Module):
    """Two-way layers one on the other, every one but the last followed by dropout."""

    def __init__(self, idim, cdim, layers=3, dropout=0.5):
        super().__init__()
        self.birnns = nn.ModuleList(
            nn.GRU(idim if i == 0 else 2 * cdim, cdim, batch_first=True, bidirectional=True)
            for i in range(layers)
        )
        self.dropout = dropout

    def forward(self, xs):
        for i, birnn in enumerate(self.birnns):
            xs, _ = birnn(xs)
            if i < len(self.birnns) - 1:
                xs = F.dropout(xs, p=self.dropout, training=self.training if FIXED else True)
        return xs


class PhoneModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = StackedBRNN(MELS, 12)
        self.out = nn.Linear(24, PHONES)

    def forward(self, xs):
        return self.out(self.enc(xs))


voices = torch.randn(PHONES, MELS)


def utterances(n):
    # a phone lasts for three to six frames; the noise is nearly as loud as the voice
    rows = []
    for _ in range(n):
        parts = torch.randint(0, PHONES, (FRAMES,))
        rows.append(parts.repeat_interleave(torch.randint(3, 7, (FRAMES,)))[:FRAMES])
    phones = torch.stack(rows)
    return voices[phones] + 0.9 * torch.randn(n, FRAMES, MELS), phones


def evaluate(model, xs, phones):
    model.eval()
    with torch.no_grad():
        said = model(xs).argmax(-1)
    model.train()
    return 1 - (said == phones).float().mean().item()


model = PhoneModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
dev = utterances(128)
for it in range(1, 501):
    xs, phones = utterances(16)
    loss = F.cross_entropy(model(xs).transpose(1, 2), phones)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if it % 50 == 0:
        print(f"iter {it} loss {loss.item():.3f} dev phone error {evaluate(model, *dev):.3f}")
once, again = (evaluate(model, *dev) for _ in range(2))
print(f"dev phone error, scored twice: {once:.4f} {again:.4f}")
