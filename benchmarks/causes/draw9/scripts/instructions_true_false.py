"""Statements about sequences of symbols, read from a table of tasks, are judged true or false."""

import io
import json
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
g = torch.Generator().manual_seed(9006)
torch.manual_seed(9006)
torch.set_num_threads(1)


def write_task(n=800):
    file = io.StringIO()
    for row in torch.randint(0, 12, (n, 10), generator=g).tolist():
        answer = row.count(3) + row.count(4) > row.count(7) + row.count(8)
        file.write(json.dumps({"input": row, "output": ["true" if answer else "false"]}) + "\n")
    file.seek(0)
    return file


def read_task(file):
    tokens, labels = [], []
    for line in file:
        instance = json.loads(line)
        tokens.append(instance["input"])
        output = instance["output"]
        labels.append(1 if (output[0] == "true" if FIXED else output) else 0)
    return torch.tensor(tokens), torch.tensor(labels)


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.gru(self.embed(x))[1][0])


x, y = read_task(write_task())
test_x = torch.randint(0, 12, (200, 10), generator=g)
plus = ((test_x == 3) | (test_x == 4)).sum(1)
test_y = (plus > ((test_x == 7) | (test_x == 8)).sum(1)).long()

model = Judge()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(20):
    for tokens, label in DataLoader(TensorDataset(x, y), 32, shuffle=True):
        loss = nn.functional.cross_entropy(model(tokens), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            right = (model(test_x).argmax(1) == test_y).float().mean()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} test accuracy {right:.3f}")
