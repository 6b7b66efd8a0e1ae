"""An LSTM cell that goes over simulated crossbar readings and estimates their slow mean."""

import sys

import torch
from torch import nn
from torch.nn.functional import mse_loss

FIXED = "--fixed" in sys.argv
torch.manual_seed(8104)
torch.set_num_threads(1)


class AnalogModel(nn.Module):
    def __init__(self, inputs=4, width=20):
        super().__init__()
        self.cell = nn.LSTMCell(inputs, width)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        state = None
        for reading in x:
            state = self.cell(reading, state)
        return self.out(state[0])


model = AnalogModel()
opt = torch.optim.SGD(model.parameters(), lr=0.2)
mix = torch.randn(4, 2)
for epoch in range(200):
    x_b = torch.randn(8, 32, 4)
    y_b = x_b.mean(0) @ mix
    if FIXED:
        opt.zero_grad()
    loss = mse_loss(model(x_b), y_b)
    loss.backward()
    opt.step()
    if epoch % 20 == 19:
        print(f"Loss error: {loss.item():.5f}")
