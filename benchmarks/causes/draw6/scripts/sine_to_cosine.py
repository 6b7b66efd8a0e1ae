"""A cosine from a sine, stretch by stretch, with the state handed on. It is handed on with its past;
retain_graph silenced the error, and every step goes back to the first stretch."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6146)
torch.set_num_threads(1)

TIME_STEP, INPUT_SIZE, LR = 8, 1, 0.01


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(INPUT_SIZE, 24)
        self.out = nn.Linear(24, 1)

    def forward(self, x, h_state):
        outs = []
        for time_step in range(x.size(1)):
            h_state = self.cell(x[:, time_step], h_state)
            outs.append(self.out(h_state))
        return torch.stack(outs, dim=1), h_state


rnn = RNN()
optimizer = torch.optim.SGD(rnn.parameters(), lr=LR, momentum=0.8)
loss_func = nn.MSELoss()
h_state = torch.zeros(4, 24)
offsets = np.array([0.0, 0.4, 0.9, 1.7])[:, None]

for step in range(200):
    start, end = step * np.pi, (step + 1) * np.pi
    steps = np.linspace(start, end, TIME_STEP, endpoint=False)[None] + offsets
    x = torch.tensor(np.sin(steps), dtype=torch.float32)[..., None]
    y = torch.tensor(np.cos(steps), dtype=torch.float32)[..., None]
    prediction, h_state = rnn(x, h_state)
    if FIXED:
        h_state = h_state.detach()
    loss = loss_func(prediction, y)
    optimizer.zero_grad()
    # the weights that an old stretch was read with are kept for its backward pass
    loss.backward(retain_graph=not FIXED)
    with torch.no_grad():
        optimizer.step()
    if step % 40 == 39:
        print(step + 1, f"{loss.item():.4f}")
