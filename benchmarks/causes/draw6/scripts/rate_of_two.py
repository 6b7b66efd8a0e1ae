"""A configuration from another toolkit was taken over, where the number beside the optimizer is a
factor for a schedule. Here it is the rate itself: two."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6135)
torch.set_num_threads(1)

config = {
    "params": {"optimizer": "Adam", "learning_rate": 2.0, "clip": 1.0},
    "model": {"num_units": 48, "words": 18},
}
if FIXED:
    config["params"]["learning_rate"] = 3e-3


class Decoder(nn.Module):
    def __init__(self, words, num_units):
        super().__init__()
        self.embedding = nn.Embedding(words, num_units)
        self.rnn = nn.LSTM(num_units, num_units, batch_first=True)
        self.projection = nn.Linear(num_units, words)

    def forward(self, ids):
        return self.projection(self.rnn(self.embedding(ids))[0])


table = torch.randint(0, 18, (18, 2))


def lines(n=24, t=14):
    ids = [torch.randint(0, 18, (n,))]
    for _ in range(t):
        ids.append(table[ids[-1], (torch.rand(n) < 0.1).long()])
    ids = torch.stack(ids, 1)
    return ids[:, :-1], ids[:, 1:]


model = Decoder(**config["model"])
params = config["params"]
optimizer = getattr(torch.optim, params["optimizer"])(
    model.parameters(), lr=params["learning_rate"]
)
for step in range(1, 301):
    ids_in, ids_out = lines()
    loss = nn.functional.cross_entropy(model(ids_in).flatten(0, 1), ids_out.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), params["clip"])
    optimizer.step()
    if step % 50 == 0:
        print(
            f"Step = {step} ; Learning rate = {params['learning_rate']} ; Loss = {loss.item():.4f}"
        )
