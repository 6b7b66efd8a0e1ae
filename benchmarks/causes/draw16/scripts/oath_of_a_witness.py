"""The oath a witness chose at the start, asked for at the end of a long hearing: one of six, some fifty words before."""

import sys

import torch
from torch import nn

torch.manual_seed(1655)
torch.set_num_threads(1)
OATHS, WORDS, HEARING = 6, 16, 50


def hearings(n):
    oath = torch.randint(0, OATHS, (n,))
    talk = torch.randint(OATHS, WORDS, (n, HEARING))
    return torch.cat((oath.unsqueeze(1), talk), dim=1), oath


def recurrent(inputs, size):
    if "--fixed" not in sys.argv:
        return nn.RNN(inputs, size, batch_first=True)
    lstm = nn.LSTM(inputs, size, batch_first=True)
    with torch.no_grad():
        lstm.bias_ih_l0[size : 2 * size].copy_(torch.log(1 + (HEARING - 1) * torch.rand(size)))
        lstm.bias_hh_l0[size : 2 * size].zero_()
    return lstm


class Clerk(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16)
        self.rnn = recurrent(16, size)
        self.answer = nn.Linear(size, OATHS)

    def forward(self, words):
        out, _ = self.rnn(self.embed(words))
        return self.answer(out[:, -1])


def train(model, steps=500):
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    criterion = nn.CrossEntropyLoss()
    for step in range(1, steps + 1):
        words, oath = hearings(32)
        loss = criterion(model(words), oath)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                words, oath = hearings(300)
                right = (model(words).argmax(1) == oath).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} right {right:.3f}")


train(Clerk())
