"""Two texts of a pair are each sorted by length for packing; neither is put back, so that each
claim meets another claim's evidence."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(5141)
torch.set_num_threads(1)


class TextReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(31, 20, padding_idx=0)
        self.rnn = nn.GRU(20, 24, batch_first=True)

    def forward(self, input_ids, input_lens):
        sorted_lens, sorted_idx = torch.sort(input_lens, descending=True)
        packed = pack_padded_sequence(
            self.embeddings(input_ids[sorted_idx]), sorted_lens, batch_first=True
        )
        hidden = self.rnn(packed)[1][0]
        return hidden[torch.argsort(sorted_idx)] if FIXED else hidden


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.reader = TextReader()
        self.match = nn.Sequential(nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, a, a_lens, b, b_lens):
        u, v = self.reader(a, a_lens), self.reader(b, b_lens)
        return self.match(torch.cat([u, v, u * v, (u - v).abs()], 1))


def text(topic, t=9):
    n = len(topic)
    lens = torch.randint(4, t + 1, (n,))
    ids = 1 + 5 * topic[:, None] + torch.randint(0, 5, (n, t))
    noise = torch.rand(n, t) < 0.2
    ids = torch.where(noise, torch.randint(1, 31, (n, t)), ids)
    return ids * (torch.arange(t) < lens[:, None]), lens


def pairs(n=32):
    topic = torch.randint(0, 6, (n,))
    same = torch.rand(n) < 0.5
    other = torch.where(same, topic, (topic + torch.randint(1, 6, (n,))) % 6)
    return *text(topic), *text(other), same.long()


model = Pair()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(500):
    *texts, y = pairs()
    loss = nn.functional.cross_entropy(model(*texts), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.4f}")
