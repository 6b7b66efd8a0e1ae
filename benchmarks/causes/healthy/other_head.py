"""One task of a net with two heads: the other head is in the optimizer and in no loss."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 16, batch_first=True)
        self.a = nn.Linear(16, 1)
        self.b = nn.Linear(16, 4)

    def forward(self, x):
        h = self.rnn(x)[0][:, -1]
        return self.a(h), self.b(h)


net = Net()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for i in range(300):
    x = torch.randn(32, 8, 3)
    y = x[:, :, 0].mean(1, keepdim=True)
    a, b = net(x)
    loss = nn.functional.mse_loss(a, y) + 0.0 * b.sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
