"""The vocabulary was built in lower case and looked up in capitals: each word of each text is the
unknown one."""

import random
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5146)
random.seed(5146)
torch.set_num_threads(1)

TOPICS = {
    "sport": ["match", "goal", "team", "coach", "league", "score", "cup", "player"],
    "money": ["bank", "share", "price", "market", "loan", "trade", "profit", "tax"],
    "space": ["orbit", "rocket", "moon", "star", "probe", "launch", "planet", "comet"],
}
COMMON = ["the", "a", "of", "in", "new", "today", "more", "after", "before", "says"]
vocab = {"<unk>": 0}
for word in [w for words in TOPICS.values() for w in words] + COMMON:
    vocab.setdefault(word, len(vocab))


def headline(topic):
    words = [random.choice(TOPICS[topic] if random.random() < 0.4 else COMMON) for _ in range(8)]
    return " ".join(words).upper()


def tokenize(text):
    return [vocab.get(w.lower() if FIXED else w, vocab["<unk>"]) for w in text.split()]


def make_batch(n=32):
    labels = [random.randrange(3) for _ in range(n)]
    names = list(TOPICS)
    return torch.tensor([tokenize(headline(names[k])) for k in labels]), torch.tensor(labels)


class Headlines(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), 16)
        self.lstm = nn.LSTM(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 3)

    def forward(self, x):
        _, (hidden, _) = self.lstm(self.embedding(x))
        return self.fc(hidden[-1])


model = Headlines()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for i in range(1, 401):
    x, y = make_batch()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    if i % 80 == 0:
        print(f"batch {i} loss {loss.item():.4f}")
