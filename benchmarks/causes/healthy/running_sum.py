"""A ReLU net that sums its inputs up: the state has to grow."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 16, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(16, 1)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


net = Net()
opt = torch.optim.Adam(net.parameters(), 1e-3)
for i in range(600):
    x = torch.rand(32, 24, 1)
    y = x.cumsum(1)
    loss = nn.functional.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 20.0)
    opt.step()
    if i % 100 == 99:
        print(loss.item())
