"""Four digits become words of a clock: attention, taught by the right word before."""

import torch
from torch import nn

torch.manual_seed(1352)
torch.set_num_threads(1)
WORDS, START, LENGTH = 12, 12, 4


class Clock(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.source = nn.Embedding(WORDS, size)
        self.target = nn.Embedding(WORDS + 1, size)
        self.encoder = nn.GRU(size, size, batch_first=True)
        self.cell = nn.GRUCell(2 * size, size)
        self.out = nn.Linear(2 * size, WORDS)

    def forward(self, source, target=None):
        keys = self.source(source)
        memory, h = self.encoder(keys)
        h, logits = h[0], []
        word = torch.full((len(source),), START)
        context = memory[:, -1]
        for t in range(LENGTH):
            h = self.cell(torch.cat([self.target(word), context], 1), h)
            scores = (memory @ h.unsqueeze(2)).squeeze(2) / memory.shape[-1] ** 0.5
            context = (scores.softmax(1).unsqueeze(1) @ memory).squeeze(1)
            logits.append(self.out(torch.cat([h, context], 1)))
            word = logits[-1].argmax(1) if target is None else target[:, t]
        return torch.stack(logits, 1)


def times(n):
    source = torch.randint(0, WORDS, (n, LENGTH))
    return source, (source + torch.arange(LENGTH)).flip(1) % WORDS


model = Clock()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 451):
    source, target = times(48)
    loss = nn.functional.cross_entropy(model(source, target).transpose(1, 2), target)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            source, target = times(200)
            right = (model(source).argmax(-1) == target).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} alone right {right:.3f}")
