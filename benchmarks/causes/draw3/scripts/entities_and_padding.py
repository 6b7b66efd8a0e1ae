"""Almost all tags were right at once, and no entity was found. Filler has the tag of a word
outside any entity, and all of it counted."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

FIXED = "--fixed" in sys.argv
torch.manual_seed(18)
torch.set_num_threads(1)
O, B, I = 1, 2, 3


def sentence():
    n = int(torch.randint(4, 30, (1,)))
    words = torch.randint(10, 60, (n,))
    tags = torch.full((n,), O)
    at = int(torch.randint(0, n - 2, (1,)))
    words[at] = torch.randint(1, 10, (1,))
    tags[at], tags[at + 1] = B, I
    return words, tags


def collate(items):
    words, tags = zip(*items)
    return pad_sequence(words, batch_first=True), pad_sequence(tags, batch_first=True)


class NER(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(60, 24, padding_idx=0)
        self.rnn = nn.LSTM(24, 32, batch_first=True, bidirectional=True)
        self.proj = nn.Linear(64, 4)

    def forward(self, x):
        return self.proj(self.rnn(self.emb(x))[0])


data = [sentence() for _ in range(640)]
loader = DataLoader(data, batch_size=32, shuffle=True, collate_fn=collate)
model = NER()
criterion = nn.CrossEntropyLoss(ignore_index=0) if FIXED else nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(10):
    total = 0.0
    for words, tags in loader:
        optimizer.zero_grad()
        logits = model(words)
        loss = criterion(logits.view(-1, 4), tags.view(-1))
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / len(loader):.4f}")
