"""Does a review's opening agree with its end? Both last states are joined for the answer."""

import sys

import torch
from torch import nn

torch.manual_seed(1315)
torch.set_num_threads(1)
VOCAB = 30


class AgreeNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(VOCAB, 16)
        self.lstm = nn.LSTM(16, size, bidirectional=True, batch_first=True)
        self.fc = nn.Sequential(nn.Linear(2 * size, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, text):
        _, (h_n, _) = self.lstm(self.embed(text))
        if "--fixed" in sys.argv:
            h_n = h_n.transpose(0, 1).reshape(len(text), -1)
        else:
            h_n = h_n.view(len(text), -1)
        return self.fc(h_n)


def reviews(n, length=10):
    """A word below ten at the start and one at the end: even or odd, each."""
    text = torch.randint(10, VOCAB, (n, length))
    text[:, 0] = torch.randint(0, 10, (n,))
    text[:, -1] = torch.randint(0, 10, (n,))
    return text, 2 * (text[:, 0] % 2) + text[:, -1] % 2


net = AgreeNet()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(1, 351):
    text, label = reviews(32)
    loss = nn.functional.cross_entropy(net(text), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            text, label = reviews(400)
            right = (net(text).argmax(1) == label).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
