"""A function that goes through the parameters gave each weight the value 0.05, so that the units of
a layer are one and the same."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5149)
torch.set_num_threads(1)


class Predictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 32, batch_first=True)
        self.state_predict_layer = nn.Linear(32, 3)
        if not FIXED:
            self.lets_init_weights()

    def init_state_predict_weights(self, m):
        for name, param in m.named_parameters(recurse=False):
            if "bias" in name:
                nn.init.constant_(param, 0.01)
            elif "weight" in name:
                nn.init.constant_(param, 0.05)

    def lets_init_weights(self):
        self.apply(self.init_state_predict_weights)

    def forward(self, x):
        return self.state_predict_layer(self.rnn(x)[0])


def states(n=24, t=10):
    x = torch.randn(n, t, 3)
    smooth = torch.zeros_like(x)
    level = torch.zeros(n, 3)
    for k in range(t):
        level = torch.tensor([0.8, 0.3, -0.6]) * level + x[:, k]
        smooth[:, k] = level
    return x, torch.tanh(smooth)


net = Predictor()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for update in range(1, 501):
    x, y = states()
    loss = (net(x) - y).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 100 == 0:
        print("update", update, "loss", round(loss.item(), 4))
