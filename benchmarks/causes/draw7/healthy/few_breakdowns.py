"""One class in twelve is what matters; it has a greater weight in the loss, and its recall is printed."""

import torch
from torch import nn

torch.manual_seed(7708)
torch.set_num_threads(1)


class Watch(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0].amax(1))


def machines(n=96, t=16):
    y = (torch.rand(n) < 1 / 12).long()
    x = 0.4 * torch.randn(n, t, 2)
    x[:, 6:10, 0] += 1.2 * y[:, None]
    return x, y


net = Watch()
criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 6.0]))
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(250):
    x, y = machines()
    scores = net(x)
    loss = criterion(scores, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        recall = (scores.argmax(1)[y == 1] == 1).float().mean().item()
        print(step + 1, round(loss.item(), 3), round(recall, 2))
