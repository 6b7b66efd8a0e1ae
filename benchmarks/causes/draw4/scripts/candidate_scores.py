"""A reader picks the answer among candidates. Its scores left through a softmax, into a loss
that has one of its own."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(406)
torch.set_num_threads(1)
ENTITIES, CANDIDATES = 20, 12


class QueryReader(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.embed = nn.Embedding(ENTITIES, dim)
        self.reader = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.bilinear = nn.Linear(2 * dim, dim, bias=False)
        self.drop = nn.Dropout(0.1)

    def forward(self, story, candidates):
        _, h = self.reader(self.embed(story))
        query = self.bilinear(self.drop(torch.cat([h[0], h[1]], -1)))
        scores = torch.bmm(self.embed(candidates), query.unsqueeze(-1)).squeeze(-1)
        return scores if FIXED else torch.softmax(scores, dim=1)


def questions(n=32):
    """Which candidate was named right after the mark (entity 0)?"""
    story = torch.randint(1, ENTITIES, (n, 7))
    place = torch.randint(0, 6, (n, 1))
    story.scatter_(1, place, 0)
    answer = story.gather(1, place + 1).squeeze(1)
    candidates = torch.stack([torch.randperm(ENTITIES)[:CANDIDATES] for _ in range(n)])
    slot = torch.randint(0, CANDIDATES, (n,))
    candidates[candidates == answer[:, None]] = 0
    candidates[torch.arange(n), slot] = answer
    return story, candidates, slot


model = QueryReader()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
running = 0.0
for i in range(1, 401):
    story, candidates, slot = questions()
    optimizer.zero_grad()
    output = model(story, candidates)
    loss = criterion(output, slot)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    running += (output.argmax(1) == slot).float().mean().item()
    if i % 100 == 0:
        print(f"[{i}] loss {loss.item():.4f} accuracy {running / 100:.3f}")
        running = 0.0
