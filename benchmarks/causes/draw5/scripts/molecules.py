"""Strings of molecules are filled up to one length, and each filled place counts in the loss as a
letter does: most of what is averaged is filler."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5155)
torch.set_num_threads(1)

PAD, VOCAB, LONGEST = 0, 18, 40


def strings(n=24):
    lengths = torch.randint(4, 10, (n,))
    lengths[0] = LONGEST
    x = torch.randint(1, VOCAB, (n, LONGEST))
    for t in range(2, LONGEST):
        keep = torch.rand(n) < 0.8
        x[keep, t] = 1 + (x[keep, t - 1] * 2 + x[keep, t - 2]) % (VOCAB - 1)
    return torch.where(torch.arange(LONGEST) < lengths[:, None], x, PAD)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, 20, padding_idx=PAD)
        self.gru = nn.GRU(20, 32, batch_first=True)
        self.fc = nn.Linear(32, VOCAB)

    def forward(self, x):
        return self.fc(self.gru(self.emb(x))[0])


def loss_function(logits, target):
    if FIXED:
        return nn.functional.cross_entropy(
            logits.reshape(-1, VOCAB), target.reshape(-1), ignore_index=PAD
        )
    return nn.functional.cross_entropy(logits.reshape(-1, VOCAB), target.reshape(-1))


model = Generator()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for i in range(1, 301):
    x = strings()
    logits = model(x[:, :-1])
    loss = loss_function(logits, x[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 60 == 0:
        letters = x[:, 1:] != PAD
        hits = (logits.argmax(-1) == x[:, 1:])[letters].float().mean().item()
        print(f"{i} loss {loss.item():.4f} letters right {hits:.3f}")
