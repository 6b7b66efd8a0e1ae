"""The next syllable of a rowers' chant, with momentum; the loss of a chant is the sum over its syllables."""

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
        self.rnn = nn.LSTM(dim, hidden, batch_first=True)
        self.decoder = nn.Linear(hidden, SYLLABLES)

    def forward(self, tokens):
        out, _ = self.rnn(self.encoder(tokens))
        return self.decoder(out)


def loss_of(model, tokens):
    logits = model(tokens[:, :-1])
    targets = tokens[:, 1:].flatten()
    total = nn.functional.cross_entropy(logits.flatten(0, 1), targets, reduction="sum")
    return total / len(tokens)


model = ChantModel()
optimizer = torch.optim.SGD(model.parameters(), lr=0.4, momentum=0.9)
max_grad_norm = 1.5
for step in range(1, 351):
    loss = loss_of(model, chants(24))
    optimizer.zero_grad()
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    if step % 35 == 0:
        with torch.no_grad():
            test = loss_of(model, chants(100)).item()
        print(f"step {step} loss of a syllable {loss.item() / LENGTH:.4f} test {test / LENGTH:.4f}")
