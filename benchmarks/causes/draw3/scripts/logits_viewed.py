"""Cross entropy wants the classes second. They were put there with view, which mixed classes and
places of a sentence."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(14)
torch.set_num_threads(1)
N_TAGS, LENGTH, WORDS = 5, 12, 40


def corpus(n):
    words = torch.randint(0, WORDS, (n, LENGTH))
    tags = words % N_TAGS
    tags[:, 1:] = (tags[:, 1:] + (words[:, :-1] > 30).long()) % N_TAGS
    return words, tags


class PosTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 20)
        self.lstm = nn.LSTM(20, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, N_TAGS)

    def forward(self, x):
        scores = self.out(self.lstm(self.embed(x))[0])
        if FIXED:
            return scores.permute(0, 2, 1)
        return scores.view(scores.size(0), N_TAGS, -1)


model = PosTagger()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loader = DataLoader(TensorDataset(*corpus(960)), batch_size=32, shuffle=True)
for epoch in range(10):
    hits = 0
    for words, tags in loader:
        optimizer.zero_grad()
        scores = model(words)
        loss = criterion(scores, tags)
        loss.backward()
        optimizer.step()
        hits += (scores.argmax(1) == tags).sum().item()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {hits / 960 / LENGTH:.3f}")
