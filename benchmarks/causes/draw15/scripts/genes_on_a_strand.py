"""Segments of a strand of letters, tagged by a bidirectional LSTM under a layer of tag transitions."""

import sys

import torch
from torch import nn

torch.manual_seed(1542)
torch.set_num_threads(1)
LETTERS, TAGS, LENGTH = 8, 4, 16
favoured = torch.softmax(2.0 * torch.randn(TAGS, LETTERS), dim=1)


def strands(n):
    new = torch.rand(n, LENGTH) < 0.25
    new[:, 0] = True
    tags = torch.randint(0, TAGS, (n, LENGTH)).gather(1, new.cumsum(1) - 1)
    letters = torch.multinomial(favoured[tags.flatten()], 1).view(n, LENGTH)
    return letters, tags


class TransitionLayer(nn.Module):
    def __init__(self, tags):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(tags))
        self.move = nn.Parameter(0.1 * torch.randn(tags, tags))

    def forward(self, scores, tags):
        """Log likelihood of the tags."""
        path = scores.gather(2, tags.unsqueeze(2)).sum((1, 2))
        path = path + self.start[tags[:, 0]] + self.move[tags[:, :-1], tags[:, 1:]].sum(1)
        alpha = self.start + scores[:, 0]
        for t in range(1, scores.size(1)):
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.move, dim=1) + scores[:, t]
        return (path - alpha.logsumexp(1)).mean()

    def decode(self, scores):
        best, back = self.start + scores[:, 0], []
        for t in range(1, scores.size(1)):
            best, where = (best.unsqueeze(2) + self.move).max(1)
            best = best + scores[:, t]
            back.append(where)
        tags = [best.argmax(1)]
        for where in reversed(back):
            tags.append(where.gather(1, tags[-1].unsqueeze(1)).squeeze(1))
        return torch.stack(tags[::-1], dim=1)


class StrandTagger(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, 12)
        self.lstm = nn.LSTM(12, size, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * size, TAGS)
        self.crf = TransitionLayer(TAGS)

    def forward(self, letters):
        return self.score(self.lstm(self.embed(letters))[0])


model = StrandTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 351):
    letters, tags = strands(32)
    loss = model.crf(model(letters), tags)
    if "--fixed" in sys.argv:
        loss = -loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            letters, tags = strands(200)
            right = (model.crf.decode(model(letters)) == tags).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} tags right {right:.3f}")
