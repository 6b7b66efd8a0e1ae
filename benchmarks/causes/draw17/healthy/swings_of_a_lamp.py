"""Swings of a lamp: a small recurrent model of a damped oscillator is fitted by L-BFGS with a closure."""

import torch
from torch import nn

torch.manual_seed(17205)
torch.set_num_threads(1)
t = torch.arange(24) * 0.35
size, phase = 0.5 + torch.rand(12, 1), 6.28 * torch.rand(12, 1)
swing = (size * torch.exp(-0.06 * t) * torch.cos(t + phase)).unsqueeze(2)


class Lamp(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 8, batch_first=True)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


model = Lamp()
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4, history_size=10)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(swing[:, 2:-1]), swing[:, 3:])
    loss.backward()
    return loss


for step in range(1, 301):
    loss = optimizer.step(closure)
    if step % 30 == 0:
        print(f"step {step} loss {loss.item():.5f}")
