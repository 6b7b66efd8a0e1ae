"""Leaves as rows of points along their edge; a table of names and a table of labels are made once."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8148)
torch.set_num_threads(1)


class Leaves:
    def __init__(self, n=1600, points=18):
        kind = torch.randint(0, 4, (n,))
        angle = torch.linspace(0, 6.28, points)
        lobes = torch.sin((kind[:, None] + 2) * angle + 6.28 * torch.rand(n, 1))
        self.edge = torch.stack([lobes, angle.cos().expand(n, -1)], -1)
        self.edge = self.edge + 0.2 * torch.randn_like(self.edge)
        self.kind = kind
        raw_labels = self.kind.clone()
        order = torch.randperm(n)
        self.edge, self.kind = self.edge[order], self.kind[order]
        self.labels = self.kind if FIXED else raw_labels

    def batches(self, size=40):
        for rows in torch.randperm(len(self.labels)).split(size):
            yield self.edge[rows], self.labels[rows]


class Net(nn.Module):
    def __init__(self, width=28):
        super().__init__()
        self.rnn = nn.LSTM(2, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, 4)

    def forward(self, edge):
        return self.out(self.rnn(edge)[0].mean(1))


leaves, net = Leaves(), Net()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    loss_sum = right = 0.0
    for edge, label in leaves.batches():
        logits = net(edge)
        loss = nn.functional.cross_entropy(logits, label)
        opt.zero_grad()
        loss.backward()
        opt.step()
        loss_sum += loss.item() / 40
        right += (logits.argmax(1) == label).sum().item() / 1600
    print(f"epoch {epoch + 1} loss {loss_sum:.3f} acc {right:.2f}")
