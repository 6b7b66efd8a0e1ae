"""A review is read in both directions and judged from the last place. There one direction has read
all of it and the other a single word."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6138)
torch.set_num_threads(1)


class Bidirectional(nn.Module):
    def __init__(self, features=32, dim=16, hidden=20, classes=8):
        super().__init__()
        self.embedding = nn.Embedding(features, dim)
        self.forward_lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.backward_lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.dense = nn.Linear(2 * hidden, classes)

    def forward(self, tokens):
        x = self.embedding(tokens)
        there, _ = self.forward_lstm(x)
        back, _ = self.backward_lstm(x.flip(1))
        back = back.flip(1)
        if FIXED:
            review = torch.cat([there[:, -1], back[:, 0]], 1)
        else:
            review = torch.cat([there, back], 2)[:, -1]
        return self.dense(review)


opinion = torch.randint(0, 8, (32,))


def reviews(n=32, t=24):
    """What is said in the first word decides; the rest is about something else."""
    tokens = torch.randint(0, 32, (n, t))
    return tokens, opinion[tokens[:, 0]]


model = Bidirectional()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
print("Train...")
for epoch in range(4):
    correct = total = 0
    for _ in range(80):
        tokens, label = reviews()
        scores = model(tokens)
        loss = nn.functional.cross_entropy(scores, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (scores.argmax(1) == label).sum().item()
        total += len(label)
    print(f"Epoch {epoch + 1}/4 - loss: {loss.item():.4f} - acc: {correct / total:.4f}")
