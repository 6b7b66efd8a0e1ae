"""Digits are sorted by an encoder and a decoder with attention, at first with the truth as input."""

import torch
from torch import nn

torch.manual_seed(9102)
torch.set_num_threads(1)
START, DIGITS, LENGTH = 10, 10, 4


class Sorter(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.embed = nn.Embedding(DIGITS + 1, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRUCell(width, width)
        self.out = nn.Linear(2 * width, DIGITS)

    def forward(self, source, target, forcing):
        memory, h = self.encoder(self.embed(source))
        h, word = h[0], torch.full((len(source),), START)
        logits = []
        for t in range(target.shape[1]):
            h = self.decoder(self.embed(word), h)
            weights = torch.einsum("btd,bd->bt", memory, h).softmax(1)
            context = torch.einsum("bt,btd->bd", weights, memory)
            logits.append(self.out(torch.cat([h, context], 1)))
            word = target[:, t] if torch.rand(()) < forcing else logits[-1].argmax(1)
        return torch.stack(logits, 1)


model = Sorter()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(500):
    source = torch.randint(0, DIGITS, (32, LENGTH))
    target = source.sort(1).values
    logits = model(source, target, forcing=max(0.5, 1 - step / 500))
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), target)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 100 == 99:
        right = (logits.argmax(-1) == target).float().mean()
        print(f"{step + 1}: loss {loss.item():.4f}, right {right:.3f}")
