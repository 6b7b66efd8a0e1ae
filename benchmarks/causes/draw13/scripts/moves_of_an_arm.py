"""Six moves of a robot arm are recognised from its three joints; the network is trained in rounds."""

import sys

import torch
from torch import nn

torch.manual_seed(1341)
torch.set_num_threads(1)


class MoveNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.first = nn.LSTMCell(3, size)
        self.move = nn.Linear(size, 6)
        self.size = size
        self.init_weights()

    def init_weights(self):
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            else:
                nn.init.xavier_uniform_(p)

    def forward(self, joints):
        h = c = joints.new_zeros(joints.shape[0], self.size)
        for t in range(joints.shape[1]):
            h, c = self.first(joints[:, t], (h, c))
        return self.move(h)


class Network:
    def __init__(self):
        self.net = MoveNet()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=4e-3)

    def fit(self, x, y, batch=32):
        """One pass over the data."""
        if "--fixed" not in sys.argv:
            self.net.init_weights()
        total = 0.0
        for rows in torch.randperm(len(x)).split(batch):
            loss = nn.functional.cross_entropy(self.net(x[rows]), y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(rows) / len(x)
        return total

    @torch.no_grad()
    def score(self, x, y):
        return (self.net(x).argmax(1) == y).float().mean().item()


way = torch.randn(6, 3, 3)


def moves(n, length=14):
    move = torch.randint(0, 6, (n,))
    t = torch.linspace(0, 1, length)[None, :, None] * (0.8 + 0.4 * torch.rand(n, 1, 1))
    w = way[move][:, None]
    joints = w[..., 0] * t + w[..., 1] * torch.sin(6.28 * t) + w[..., 2] * t**2
    return joints + 0.5 * torch.randn(n, 1, 3) + 0.3 * torch.randn(n, length, 3), move


x, y = moves(800)
x_test, y_test = moves(400)
network = Network()
for epoch in range(1, 17):
    loss = network.fit(x, y)
    print(f"round {epoch:2d} loss {loss:.4f} test {network.score(x_test, y_test):.3f}")
