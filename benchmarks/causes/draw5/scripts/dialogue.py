"""A look at the held-out rows every 20 steps switched the model over, and the loop went on with it
as it was."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5132)
torch.set_num_threads(1)


class Dialogue(nn.Module):
    def __init__(self, vocab=24, width=48):
        super().__init__()
        self.embed = nn.Embedding(vocab, 20)
        self.dropout = nn.Dropout(0.4)
        self.rnn = nn.GRU(20, width, batch_first=True)
        self.reply = nn.Linear(width, 6)

    def forward(self, x):
        _, h = self.rnn(self.dropout(self.embed(x)))
        return self.reply(self.dropout(h[0]))


def turns(n):
    x = torch.randint(0, 24, (n, 9))
    y = (x[:, -1] % 6 + (x[:, 2] > 11).long()) % 6
    wrong = torch.rand(n) < 0.08
    return x, torch.where(wrong, torch.randint(0, 6, (n,)), y)


train_x, train_y = turns(800)
valid_x, valid_y = turns(300)
model = Dialogue()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        logits = model(valid_x)
        loss = nn.functional.cross_entropy(logits, valid_y)
    if FIXED:
        model.train()
    return loss.item()


def train_model(steps=400):
    model.train()
    for step in range(steps):
        rows = torch.randint(0, 800, (32,))
        loss = nn.functional.cross_entropy(model(train_x[rows]), train_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            validation = evaluate()
        if step % 80 == 79:
            print(f"Step {step + 1} train {loss.item():.3f} valid {validation:.3f}")


train_model()
