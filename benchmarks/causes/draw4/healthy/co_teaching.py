"""A fifth of the labels is wrong. Two nets choose rows of small loss, each for the other."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 32, batch_first=True)
        self.fc = nn.Linear(32, 4)

    def forward(self, x):
        return self.fc(self.gru(x)[1][0])


def data(n, wrong):
    y = torch.randint(0, 4, (n,))
    x = 0.8 * torch.randn(n, 10, 4) + 1.2 * F.one_hot(y, 4).float()[:, None]
    given = torch.where(torch.rand(n) < wrong, torch.randint(0, 4, (n,)), y)
    return x, given


x, y = data(800, 0.27)
test_x, test_y = data(400, 0.0)
one, two = Net(), Net()
opt_one = torch.optim.Adam(one.parameters(), lr=2e-3)
opt_two = torch.optim.Adam(two.parameters(), lr=2e-3)
for epoch in range(12):
    keep = 1 - 0.2 * min(1.0, epoch / 5)
    for rows in torch.randperm(800).split(40):
        a, b = one(x[rows]), two(x[rows])
        loss_a = F.cross_entropy(a, y[rows], reduction="none")
        loss_b = F.cross_entropy(b, y[rows], reduction="none")
        count = int(keep * len(rows))
        from_a, from_b = loss_a.detach().argsort()[:count], loss_b.detach().argsort()[:count]
        opt_one.zero_grad()
        loss_a[from_b].mean().backward()
        opt_one.step()
        opt_two.zero_grad()
        loss_b[from_a].mean().backward()
        opt_two.step()
    with torch.no_grad():
        right = ((one(test_x) + two(test_x)).argmax(1) == test_y).float().mean().item()
    print(f"epoch {epoch} kept {keep:.2f} loss {loss_a[from_b].mean().item():.3f} test {right:.3f}")
