"""Which words of a register's entries name a person, and which a place? A tagger for entities."""

import sys
from dataclasses import dataclass

import torch
from torch import nn

torch.manual_seed(30)
torch.set_num_threads(1)
WORDS, LENGTH = 40, 14
TITLES, NEAR = (1, 2), (3, 4)  # "Mrs", "Dr"; "at", "near"


@dataclass
class Config:
    embedding_dim: int = 24
    lstm_dim: int = 40
    dropout_rate: float = 0.1 if "--fixed" in sys.argv else 0.9
    lr: float = 4e-3


def entries(n):
    """A word behind a title is a person (1), one behind a preposition a place (2)."""
    words = torch.randint(5, WORDS, (n, LENGTH))
    marks = torch.rand(n, LENGTH) < 0.3
    words = torch.where(marks, torch.randint(1, 5, (n, LENGTH)), words)
    tags = torch.zeros(n, LENGTH, dtype=torch.long)
    before, plain = words[:, :-1], words[:, 1:] > 4
    tags[:, 1:][plain & (before > 0) & (before <= TITLES[-1])] = 1
    tags[:, 1:][plain & (before >= NEAR[0]) & (before <= NEAR[-1])] = 2
    # a word that ends an entry and has a preposition in front is a person's by-name
    tags[:, -1][tags[:, -1] == 2] = 1
    return words, tags


class BiLSTMTagger(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, config.embedding_dim)
        self.lstm = nn.LSTM(
            config.embedding_dim, config.lstm_dim, batch_first=True, bidirectional=True
        )
        self.dropout = nn.Dropout(config.dropout_rate)
        self.project = nn.Linear(2 * config.lstm_dim, config.lstm_dim)
        self.tags = nn.Linear(config.lstm_dim, 3)

    def forward(self, words):
        x = self.dropout(self.embedding(words))
        x, _ = self.lstm(x)
        x = torch.tanh(self.project(self.dropout(x)))
        return self.tags(self.dropout(x))


def f1_of_entities(model):
    model.eval()
    words, tags = entries(300)
    with torch.no_grad():
        guess = model(words).argmax(2)
    model.train()
    hits = ((guess == tags) & (tags > 0)).sum().item()
    return 2 * hits / max((guess > 0).sum().item() + (tags > 0).sum().item(), 1)


config = Config()
model = BiLSTMTagger(config)
optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
for step in range(1, 321):
    words, tags = entries(32)
    loss = nn.functional.cross_entropy(model(words).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f} F1 {f1_of_entities(model):.3f}")
