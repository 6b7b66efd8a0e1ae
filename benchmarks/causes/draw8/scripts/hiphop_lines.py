"""A judge of rhymes reads ten tokens of a line and says which of five rhymes the third one opens."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8114)
torch.set_num_threads(1)


class Discriminator(nn.Module):
    def __init__(self, vocab=20, width=16, steps=10):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, width)
        self.fc = nn.Sequential(nn.Linear(steps * width, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, lines):
        inputs = self.embed(lines).transpose(0, 1)
        outputs, _ = self.rnn(inputs)
        if FIXED:
            outputs = outputs.transpose(0, 1)
        return self.fc(outputs.reshape(lines.shape[0], -1))


judge = Discriminator()
opt = torch.optim.RMSprop(judge.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
history = []
for step in range(320):
    lines = torch.randint(0, 20, (32, 10))
    loss = loss_fn(judge(lines), lines[:, 2] % 5)
    opt.zero_grad()
    loss.backward()
    opt.step()
    history.append(loss.item())
    if len(history) % 80 == 0:
        print(len(history), sum(history[-20:]) / 20)
