"""Reads words of drawn letters column by column; the rate falls in a line to nought."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(10032)
torch.set_num_threads(1)
EPOCHS, BATCHES, BATCH_SIZE = 10, 50, 32
train_set_size = BATCHES * BATCH_SIZE

glyphs = torch.randn(10, 4, 8)


def page(n=BATCH_SIZE, letters=4):
    word = torch.randint(0, 10, (n, letters))
    columns = glyphs[word].flatten(1, 2)
    return columns + 0.3 * torch.randn_like(columns), word


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 40, batch_first=True)
        self.head = nn.Linear(40, 10)

    def forward(self, columns):
        return self.head(self.rnn(columns)[0][:, 3::4])


model = Recogniser()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
if FIXED:
    total_steps = EPOCHS * train_set_size // BATCH_SIZE
else:
    total_steps = EPOCHS * train_set_size // BATCH_SIZE**2
scheduler = LambdaLR(optimizer, lambda step: max(0.0, 1.0 - step / total_steps))
for epoch in range(EPOCHS):
    for _ in range(BATCHES):
        columns, word = page()
        loss = nn.functional.cross_entropy(model(columns).transpose(1, 2), word)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
