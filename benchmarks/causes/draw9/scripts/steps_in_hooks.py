"""Updates are made as soon as each gradient is ready, to save memory, in a counter of pulses."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9011)
torch.set_num_threads(1)
LR, MAX_NORM = 0.01, 1.0


class Model(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.RNN(2, width, batch_first=True, nonlinearity="relu")
        nn.init.eye_(self.rnn.weight_hh_l0)
        self.out = nn.Linear(width, 1)

    def forward(self, pulses):
        return self.out(self.rnn(pulses)[0][:, -1])[:, 0]


def pulses(n=24, length=25):
    x = (torch.rand(n, length, 2) < 0.4).float()
    return x, x[..., 0].sum(1) + 0.5 * x[..., 1].sum(1)


model = Model()
if FIXED:
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
else:
    optims = {p: torch.optim.SGD([p], lr=LR) for p in model.parameters()}

    def step_now(param):
        optims[param].step()
        optims[param].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step_now)

for step in range(400):
    x, count = pulses()
    loss = nn.functional.mse_loss(model(x), count)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
    if FIXED:
        optimizer.step()
        optimizer.zero_grad()
    if step == 0 or step % 80 == 79:
        print(f"step {step + 1}: loss {loss.item():.4f}")
