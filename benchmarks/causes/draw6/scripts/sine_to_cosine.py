"""A cosine from a sine, eight stretches to a step of the optimizer, and the state is handed on from
stretch to stretch. It is handed on with its past; retain_graph silenced the error, and each backward
pass goes back to the first stretch."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6146)
torch.set_num_threads(1)

TIME_STEP, STRETCHES, INPUT_SIZE, LR = 6, 8, 1, 0.01


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
optimizer = torch.optim.Adam(rnn.parameters(), lr=LR)
loss_func = nn.MSELoss()
offsets = np.linspace(0.0, 1.9, 12)[:, None]

for sweep in range(150):
    h_state = torch.zeros(12, 24)
    optimizer.zero_grad()
    total = 0.0
    for step in range(STRETCHES):
        start, end = step * np.pi, (step + 1) * np.pi
        steps = np.linspace(start, end, TIME_STEP, endpoint=False)[None] + offsets + 0.1 * sweep
        x = torch.tensor(np.sin(steps), dtype=torch.float32)[..., None]
        y = torch.tensor(np.cos(steps), dtype=torch.float32)[..., None]
        prediction, h_state = rnn(x, h_state)
        if FIXED:
            h_state = h_state.detach()
        loss = loss_func(prediction, y) / STRETCHES
        loss.backward(retain_graph=not FIXED)
        total += loss.item()
    optimizer.step()
    if sweep % 30 == 29:
        print(sweep + 1, f"{total:.4f}")
