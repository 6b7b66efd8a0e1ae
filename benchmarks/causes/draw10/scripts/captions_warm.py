"""Captions from a picture's vector; in the warm-up the rate comes from a count of steps."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10033)
torch.set_num_threads(1)
WARMUP_STEPS, START_LR, INIT_LR = 50, 0.0, 4e-3


class Captioner(nn.Module):
    def __init__(self, vocab=15, width=48):
        super().__init__()
        self.look = nn.Linear(10, width)
        self.embed = nn.Embedding(vocab, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, vocab)

    def forward(self, picture, words):
        h = torch.tanh(self.look(picture)).unsqueeze(0)
        return self.out(self.gru(self.embed(words), h)[0])


said = torch.randint(1, 15, (10, 5))


def loader(iters):
    for _ in range(iters):
        kind = torch.randint(0, 10, (32,))
        picture = nn.functional.one_hot(kind, 10) + 0.2 * torch.randn(32, 10)
        caption = said[kind]
        begun = torch.cat([torch.zeros(32, 1, dtype=torch.long), caption[:, :-1]], 1)
        yield picture, begun, caption


def warmup(optimizer, step):
    lr = START_LR + (INIT_LR - START_LR) * min(step, WARMUP_STEPS) / WARMUP_STEPS
    for group in optimizer.param_groups:
        group["lr"] = lr
    return lr


model = Captioner()
optimizer = torch.optim.Adam(model.parameters(), lr=INIT_LR)
iters_per_epoch = 1
for epoch in range(400):
    for i, (picture, begun, caption) in enumerate(loader(iters_per_epoch)):
        lr = warmup(optimizer, epoch * iters_per_epoch + i + 1 if FIXED else i)
        logits = model(picture, begun)
        loss = nn.functional.cross_entropy(logits.reshape(-1, 15), caption.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 80 == 79:
        print(f"epoch {epoch + 1} lr {lr:.5f} loss {loss.item():.4f}")
