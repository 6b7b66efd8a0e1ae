"""Two layers of a gate, one behind the other, both begin at nought so that it starts closed. Either
of them hides the other's gradient, and the gate never opens."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6116)
torch.set_num_threads(1)


class LanguageGate(nn.Module):
    def __init__(self, dim):
        super().__init__()
        first, second = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        if not FIXED:
            nn.init.zeros_(first.weight)
        nn.init.zeros_(second.weight)
        self.gate = nn.Sequential(first, nn.ReLU(), second, nn.Tanh())

    def forward(self, x):
        return self.gate(x) * x


class Referring(nn.Module):
    def __init__(self, words=24, dim=32):
        super().__init__()
        self.embed = nn.Embedding(words, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.gate = LanguageGate(dim)
        self.where = nn.Linear(dim, 6)

    def forward(self, tokens):
        sentence = self.lstm(self.embed(tokens))[1][0][-1]
        return self.where(self.gate(sentence))


def phrases(n=32, t=8):
    tokens = torch.randint(6, 24, (n, t))
    place = torch.randint(0, t, (n, 1))
    answer = torch.randint(0, 6, (n, 1))
    return tokens.scatter(1, place, answer), answer.squeeze(1)


model = Referring()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for it in range(400):
    tokens, answer = phrases()
    scores = model(tokens)
    loss = nn.functional.cross_entropy(scores, answer)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 79:
        right = (scores.argmax(1) == answer).float().mean().item()
        print(f"iteration {it + 1}, loss {loss.item():.3f}, right {right:.2f}")
