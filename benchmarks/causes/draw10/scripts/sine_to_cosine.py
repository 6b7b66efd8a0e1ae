"""From the sine to the cosine with a plain RNN, window after window of one long curve."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(123)
torch.set_num_threads(1)

TIME_STEP = 10
INPUT_SIZE = 1
LR = 0.01


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(INPUT_SIZE, 32, num_layers=1, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x, h_state):
        r_out, h_state = self.rnn(x, h_state)
        return self.out(r_out), h_state


rnn = RNN()
optimizer = torch.optim.Adam(rnn.parameters(), lr=LR)
loss_func = nn.MSELoss()
h_state = None
for step in range(400):
    steps = torch.linspace(step * torch.pi, (step + 1) * torch.pi, TIME_STEP + 1)[:-1]
    x, y = torch.sin(steps)[None, :, None], torch.cos(steps)[None, :, None]
    prediction, h_state = rnn(x, h_state)
    if FIXED:
        h_state = h_state.detach()
    loss = loss_func(prediction, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.5f}", flush=True)
