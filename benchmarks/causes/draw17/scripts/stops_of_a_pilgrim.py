"""A small language model of pilgrims' journeys: the next stop hangs on the last two."""

import sys

import torch
from torch import nn

torch.manual_seed(1709)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
STOPS, LENGTH = 14, 20
# from each pair of stops there are two ways on, one of them much more used
WAYS = torch.randint(0, STOPS, (STOPS, STOPS, 2))


def journeys(n):
    rows = torch.randint(0, STOPS, (n, LENGTH))
    for t in range(2, LENGTH):
        which = (torch.rand(n) < 0.1).long()
        rows[:, t] = WAYS[rows[:, t - 2], rows[:, t - 1], which]
    return rows


class JourneyLM(nn.Module):
    def __init__(self, dim=32, hidden=80):
        super().__init__()
        self.embed = nn.Embedding(STOPS, dim)
        self.rnn = nn.GRU(dim, hidden, batch_first=True)
        self.norm = nn.LayerNorm(hidden)
        self.lm_head = nn.Linear(hidden, STOPS)

    def forward(self, input_ids, labels=None):
        out, _ = self.rnn(self.embed(input_ids))
        logits = self.lm_head(self.norm(out))
        if labels is None:
            return logits
        if FIXED:
            logits, labels = logits[:, :-1], labels[:, 1:]
        return nn.functional.cross_entropy(logits.reshape(-1, STOPS), labels.reshape(-1))

    @torch.no_grad()
    def walk_on(self, input_ids, count):
        for _ in range(count):
            following = self(input_ids)[:, -1].argmax(1, keepdim=True)
            input_ids = torch.cat([input_ids, following], 1)
        return input_ids


def share_of_known_ways(rows, begin):
    """Of the stops from begin on, how many are the one most used after the two before?"""
    usual = WAYS[rows[:, begin - 2 : -2], rows[:, begin - 1 : -1], 0]
    return (rows[:, begin:] == usual).float().mean().item()


model = JourneyLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-3)
for step in range(1, 421):
    input_ids = journeys(48)
    loss = model(input_ids, labels=input_ids)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 42 == 0:
        walked = model.walk_on(journeys(100)[:, :8], 6)
        known = share_of_known_ways(walked, 8)
        print(f"step {step} loss {loss.item():.4f} of the stops it goes on to, usual: {known:.3f}")
print("a journey:", walked[0].tolist())
