"""A critic gives short sequences a score, starting each from init_hidden()."""

import sys

import torch
from torch import nn

torch.manual_seed(1139)
torch.set_num_threads(1)


class Discriminator(nn.Module):
    def __init__(self, hidden_dim=48):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.gru = nn.GRU(2, hidden_dim, num_layers=2)
        self.gru2hidden = nn.Linear(hidden_dim, 24)
        self.hidden2out = nn.Linear(24, 1)

    def init_hidden(self, batch_size):
        if "--fixed" in sys.argv:
            return torch.zeros(2, batch_size, self.hidden_dim)
        return torch.randn(2, batch_size, self.hidden_dim)

    def forward(self, inp, hidden):
        _, hidden = self.gru(inp, hidden)
        return self.hidden2out(torch.tanh(self.gru2hidden(hidden[-1])))

    def batchClassify(self, inp):
        h = self.init_hidden(inp.size(1))
        return self.forward(inp, h).view(-1)


def samples(n=48, steps=5):
    x = torch.rand(steps, n, 2) * 2 - 1
    score = (x[..., 0] * x[..., 1]).sum(0) + 0.5 * x[..., 0].sum(0)
    return x, score


dis = Discriminator()
dis_optimizer = torch.optim.RMSprop(dis.parameters(), lr=1e-3)
total_loss = 0.0
for i in range(1, 601):
    inp, target = samples()
    dis_optimizer.zero_grad()
    loss = nn.functional.mse_loss(dis.batchClassify(inp), target)
    loss.backward()
    dis_optimizer.step()
    total_loss += loss.item()
    if i % 100 == 0:
        print(f"step {i}: average_loss = {total_loss / 100:.4f}")
        total_loss = 0.0
