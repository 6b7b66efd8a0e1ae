"""Two batches on a scale of their own, which heal at once."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


net = Net()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for i in range(500):
    x = torch.randn(32, 10, 2)
    y = x[:, :, 0].mean(1, keepdim=True) * 2
    if i in (300, 420):
        y = y * 20
    loss = nn.functional.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if i % 100 == 99:
        print(loss.item())
