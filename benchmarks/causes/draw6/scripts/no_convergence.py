"""Weight decay of a tenth, added to the gradient in front of Adam. As soon as the loss has less to say
than the decay, each step is a full one towards nought, and the network says the same for all."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6154)
torch.set_num_threads(1)

WEIGHT_DECAY = 1e-5 if FIXED else 0.1


class SequenceClassifier(nn.Module):
    def __init__(self, vocab=50, dim=24, hidden=32, classes=5):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.output = nn.Linear(hidden, classes)

    def forward(self, ids):
        _, (h, _) = self.lstm(self.embedding(ids))
        return self.output(h[-1])


def labelled(n=32, t=8):
    y = torch.randint(0, 5, (n,))
    own = torch.randint(0, 10, (n, t)) + 10 * y[:, None]
    return torch.where(torch.rand(n, t) < 0.5, own, torch.randint(0, 50, (n, t))), y


net = SequenceClassifier()
updater = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=WEIGHT_DECAY)
for iteration in range(1, 451):
    ids, y = labelled()
    scores = net(ids)
    score = nn.functional.cross_entropy(scores, y)
    updater.zero_grad()
    score.backward()
    updater.step()
    if iteration % 75 == 0:
        norm = sum(p.square().sum() for p in net.parameters()).sqrt().item()
        acc = (scores.argmax(1) == y).float().mean().item()
        print(f"Score at iteration {iteration} is {score.item():.4f} ({acc:.2f}), norm {norm:.3f}")
