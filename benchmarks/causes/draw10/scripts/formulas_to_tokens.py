"""Formulas of very unequal lengths, told token by token from what an encoder has read."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10037)
torch.set_num_threads(1)
PAD, BOS, TOKENS, LONGEST = 0, 1, 18, 26


class ImageToFormula(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, width, padding_idx=PAD)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.to_logits = nn.Linear(width, TOKENS)

    def forward(self, source, xi):
        _, h = self.encoder(self.embed(source))
        return self.to_logits(self.decoder(self.embed(xi), h)[0])


def batch(n=16):
    source = torch.randint(2, TOKENS, (n, 4))
    target = torch.zeros(n, LONGEST + 1, dtype=torch.long)
    target[:, 0] = BOS
    target[:, 1:5] = source.flip(1)
    short = torch.rand(n) < 0.5
    target[short, 3:] = PAD
    return source, target


model = ImageToFormula()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
ignore_index = PAD if FIXED else -100
for step in range(450):
    source, target = batch()
    xi, xo = target[:, :-1], target[:, 1:]
    out = model(source, xi)
    loss = nn.functional.cross_entropy(out.transpose(1, 2), xo, ignore_index=ignore_index)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 90 == 89:
        real = xo != PAD
        right = (out.argmax(-1) == xo)[real].float().mean()
        print(f"step {step + 1} loss {loss.item():.4f} tokens right {right:.3f}")
