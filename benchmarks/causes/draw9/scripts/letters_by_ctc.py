"""Frames of speech are read by a GRU with CTC, by plain descent."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--fixed", action="store_true")
parser.add_argument("--lr", type=float, default=None)
args = parser.parse_args()
lr = args.lr or (0.1 if args.fixed else 6.0)
torch.manual_seed(9035)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(8, 24, 3, padding=1)
        self.gru = nn.GRU(24, 24, batch_first=True)
        self.linear = nn.Linear(24, 7)

    def forward(self, x):
        x = self.conv(x.transpose(1, 2)).relu().transpose(1, 2)
        return self.linear(self.gru(x)[0]).log_softmax(2)


def utterances(n=16, frames=16):
    letters = torch.randint(1, 7, (n, 3))
    x = 0.2 * torch.randn(n, frames, 8)
    for k in range(3):
        for d in range(3):
            x[torch.arange(n), 5 * k + 1 + d, letters[:, k]] += 1.5
    return x, letters


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.8)
criterion = nn.CTCLoss(zero_infinity=True)
sizes = torch.full((16,), 16), torch.full((16,), 3)
for it in range(300):
    x, letters = utterances()
    loss = criterion(net(x).transpose(0, 1), letters, *sizes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 50 == 49:
        print(f"nupdates: {it + 1} | lr: {lr} | train-loss: {loss.item():.5f}")
