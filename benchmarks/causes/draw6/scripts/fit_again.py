"""fit() prepares the network, draws its weights included, and a loop over rounds calls it once for
every round. Each round begins from nothing."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6137)
torch.set_num_threads(1)


class TrainableText(nn.Module):
    def __init__(self, words=40, dim=24, classes=7):
        super().__init__()
        self.embeddings = nn.Embedding(words, dim)
        self.reader = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, classes)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=3e-3)
        self.ready = False

    def forward(self, tokens):
        return self.head(self.reader(self.embeddings(tokens))[0].amax(1))

    def _initialize(self):
        if FIXED and self.ready:
            return
        for part in (self.embeddings, self.reader, self.head):
            part.reset_parameters()
        self.ready = True

    def fit(self, batches):
        self._initialize()
        losses = []
        for tokens, labels in batches:
            loss = nn.functional.cross_entropy(self(tokens), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)


def batch(n=24, t=9):
    labels = torch.randint(0, 7, (n,))
    tokens = torch.randint(0, 40, (n, t))
    sign = torch.randint(0, 5, (n, 3)) * 7 + labels[:, None]
    return tokens.scatter(1, torch.rand(n, t).argsort(1)[:, :3], sign), labels


model = TrainableText()
for round_ in range(16):
    loss = model.fit([batch() for _ in range(30)])
    with torch.no_grad():
        tokens, labels = batch(200)
        accuracy = (model(tokens).argmax(1) == labels).float().mean().item()
    print(f"round {round_} loss {loss:.3f} accuracy {accuracy:.3f}")
