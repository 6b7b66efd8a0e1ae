"""Post-training with a limit for the gradients, written after the optimizer's step: each jump
had been made when the limit came."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(418)
torch.set_num_threads(1)


class Responses(nn.Module):
    def __init__(self, vocab=12, dim=48):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.rnn = nn.RNN(dim, dim, nonlinearity="relu", batch_first=True)
        self.score = nn.Linear(dim, vocab)
        nn.init.eye_(self.rnn.weight_hh_l0)

    def forward(self, x):
        out, _ = self.rnn(self.embed(x))
        return self.score(out)


def dialogue(batch=16, length=20):
    x = torch.randint(0, 12, (batch, length))
    for t in range(1, length):
        keep = torch.rand(batch) < 0.8
        x[:, t] = torch.where(keep, (x[:, t - 1] + 5) % 12, x[:, t])
    return x


model = Responses()
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
criterion = nn.CrossEntropyLoss()
accumulated = []
for global_step in range(1, 401):
    model.train()
    x = dialogue()
    loss = criterion(model(x[:, :-1]).reshape(-1, 12), x[:, 1:].reshape(-1))
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.zero_grad()
    accumulated.append(loss.item())
    if global_step % 50 == 0:
        print(
            f"step {global_step} loss {sum(accumulated[-50:]) / 50:.4f} worst {max(accumulated[-50:]):.2f}"
        )
