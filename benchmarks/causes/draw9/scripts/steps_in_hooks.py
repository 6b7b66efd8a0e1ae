"""Updates are made as soon as each gradient is ready, to save memory, in a small language model."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9011)
torch.set_num_threads(1)
VOCAB, WIDTH = 16, 48


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, WIDTH)
        self.rnn = nn.RNN(WIDTH, WIDTH, batch_first=True)
        nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=1.6)
        self.out = nn.Linear(WIDTH, VOCAB)

    def forward(self, ids):
        return self.out(self.rnn(self.tok(ids))[0])


def stream(n=24, length=40):
    ids = [torch.randint(0, VOCAB, (n,))]
    for t in range(length):
        ids.append((ids[-1] * 3 + 1 + (torch.rand(n) < 0.1).long() * 5) % VOCAB)
    return torch.stack(ids, 1)


model = Model()
if FIXED:
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
else:
    optims = {p: torch.optim.SGD([p], lr=1.0) for p in model.parameters()}

    def step_now(param):
        optims[param].step()
        optims[param].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step_now)

for step in range(400):
    ids = stream()
    loss = nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    if FIXED:
        optimizer.step()
        optimizer.zero_grad()
    if step % 80 == 79:
        print(f"step {step + 1}: loss {loss.item():.4f}")
