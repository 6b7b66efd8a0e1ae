"""Traffic signs as rows of pixels; features and labels are shuffled before they are cut in batches."""

import random
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10050)
random.seed(10050)
torch.set_num_threads(1)

drawn = torch.rand(5, 10, 10)
labels = [random.randrange(5) for _ in range(600)]
features = [drawn[k] + 0.25 * torch.randn(10, 10) for k in labels]


def shuffled(features, labels):
    if FIXED:
        both = list(zip(features, labels))
        random.shuffle(both)
        features, labels = zip(*both)
        return list(features), list(labels)
    random.shuffle(features)
    random.shuffle(labels)
    return features, labels


def batches(batch_size, features, labels):
    assert len(features) == len(labels)
    for i in range(0, len(features), batch_size):
        yield torch.stack(features[i : i + batch_size]), torch.tensor(labels[i : i + batch_size])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(10, 32, batch_first=True)
        self.out = nn.Linear(32, 5)

    def forward(self, rows):
        return self.out(self.rnn(rows)[1][0])


features, labels = shuffled(features, labels)
model = Reader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(25):
    right = 0
    for x, y in batches(30, features, labels):
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += (logits.argmax(1) == y).sum().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} right {right / len(labels):.3f}")
