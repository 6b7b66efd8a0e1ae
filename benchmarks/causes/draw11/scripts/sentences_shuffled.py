"""A convolutional net for sentences; the data is shuffled once, by indices, before it is split."""

import sys

import torch
from torch import nn

torch.manual_seed(1150)
torch.set_num_threads(1)
VOCAB, LENGTH, CLASSES = 80, 16, 4


def load_data_and_labels(n=2400):
    y = torch.arange(CLASSES).repeat_interleave(n // CLASSES)
    own = y[:, None] * 5 + torch.randint(0, 5, (n, LENGTH))
    other = torch.randint(20, VOCAB, (n, LENGTH))
    return torch.where(torch.rand(n, LENGTH) < 0.3, own, other), y


class TextCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 24)
        self.convs = nn.ModuleList([nn.Conv1d(24, 12, k) for k in (2, 3, 4)])
        self.output = nn.Linear(36, CLASSES)

    def forward(self, x):
        e = self.embedding(x).transpose(1, 2)
        return self.output(torch.cat([c(e).relu().amax(-1) for c in self.convs], 1))


x, y = load_data_and_labels()
shuffle_indices = torch.randperm(len(y))
x_shuffled = x[shuffle_indices]
y_shuffled = y[shuffle_indices] if "--fixed" in sys.argv else y[torch.randperm(len(y))]
x_train, x_dev = x_shuffled[:-240], x_shuffled[-240:]
y_train, y_dev = y_shuffled[:-240], y_shuffled[-240:]

cnn = TextCNN()
optimizer = torch.optim.Adam(cnn.parameters(), lr=1e-3)
for step in range(1, 501):
    pick = torch.randint(0, len(y_train), (48,))
    loss = nn.functional.cross_entropy(cnn(x_train[pick]), y_train[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        with torch.no_grad():
            acc = (cnn(x_dev).argmax(1) == y_dev).float().mean()
        print(f"step {step}, loss {loss.item():.4f}, dev acc {acc:.4f}")
