"""Headlines of twenty topics, read by a bidirectional GRU with pooling over time."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(109)
torch.set_num_threads(1)
TOPICS, VOCAB = 20, 120


class RCNN(nn.Module):
    def __init__(self, embed_size=24, hidden=24):
        super().__init__()
        self.embeddings = nn.Embedding(VOCAB, embed_size)
        self.rnn = nn.GRU(embed_size, hidden, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * hidden, TOPICS)
        self.softmax = nn.LogSoftmax(dim=-1) if FIXED else nn.Softmax(dim=-1)

    def forward(self, x):
        h, _ = self.rnn(self.embeddings(x))
        pooled = torch.tanh(h).max(dim=1)[0]
        return self.softmax(self.fc(pooled))


def headlines(n=32, words=10):
    topic = torch.randint(0, TOPICS, (n,))
    x = torch.randint(2 * TOPICS, VOCAB, (n, words))
    own = 2 * topic[:, None] + torch.randint(0, 2, (n, 2))
    where = torch.randint(0, words // 2, (n, 2)) + torch.tensor([0, words // 2])
    return x.scatter(1, where, own), topic


model = RCNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
loss_op = nn.NLLLoss()
losses, right = [], []
for i in range(500):
    x, y = headlines()
    optimizer.zero_grad()
    y_pred = model(x)
    loss = loss_op(y_pred, y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    right.append((y_pred.argmax(1) == y).float().mean().item())
    if i % 100 == 99:
        print(f"Iter: {i + 1} avg train loss: {sum(losses) / 100:.4f} acc {sum(right) / 100:.3f}")
        losses, right = [], []
