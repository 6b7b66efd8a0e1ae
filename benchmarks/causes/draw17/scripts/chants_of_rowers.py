"""The next syllable of a rowers' chant, with plain steps down the slope, as in old word models."""

import sys

import torch
from torch import nn

torch.manual_seed(1725)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
SYLLABLES, LENGTH = 16, 24
REFRAINS = torch.randint(0, SYLLABLES, (10, 6))


def chants(n):
    lines = REFRAINS[torch.randint(0, 10, (n, LENGTH // 6 + 1))].flatten(1)
    return lines[:, : LENGTH + 1]


class ChantModel(nn.Module):
    def __init__(self, dim=32, hidden=64):
        super().__init__()
        self.encoder = nn.Embedding(SYLLABLES, dim)
        self.rnn = nn.LSTM(dim, hidden, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(hidden, SYLLABLES)

    def forward(self, tokens):
        out, _ = self.rnn(self.encoder(tokens))
        return self.decoder(out)


def loss_of(model, tokens):
    logits = model(tokens[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


model = ChantModel()
optimizer = torch.optim.SGD(model.parameters(), lr=8.0)
max_grad_norm = 0.25
for step in range(1, 501):
    loss = loss_of(model, chants(24))
    optimizer.zero_grad()
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    if step % 50 == 0:
        with torch.no_grad():
            test = loss_of(model, chants(100)).item()
        print(f"step {step} loss {loss.item():.4f} test {test:.4f}")
