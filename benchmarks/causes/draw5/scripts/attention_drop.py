"""To be exact while it is tested, the module set its dropout to nought there, and never back: after
the first test, the training ran without any."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5133)
torch.set_num_threads(1)


class AttentiveReader(nn.Module):
    def __init__(self, vocab=20, width=40, p=0.5):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.score = nn.Linear(width, 1)
        self.drop = nn.Dropout(p)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        if not self.training and not FIXED:
            self.drop.p = 0.0
        states, _ = self.lstm(self.drop(self.embed(x)))
        weights = self.score(states).softmax(1)
        return self.out(self.drop((weights * states).sum(1)))


def sample(n):
    x = torch.randint(0, 20, (n, 10))
    y = ((x < 4).sum(1) > (x > 15).sum(1)).long()
    flip = torch.rand(n) < 0.1
    return x, torch.where(flip, 1 - y, y)


train_set, test_set = sample(480), sample(400)
model = AttentiveReader()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(24):
    model.train()
    for rows in torch.randperm(480).split(24):
        loss = nn.functional.cross_entropy(model(train_set[0][rows]), train_set[1][rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        test = nn.functional.cross_entropy(model(test_set[0]), test_set[1]).item()
    if epoch % 6 == 5:
        print(f"epoch {epoch + 1} train {loss.item():.3f} test {test:.3f}")
