"""The next port of a ship is foretold from the last ports; the classes are weighed by a loss."""

import sys

import torch
from torch import nn

torch.manual_seed(1308)
torch.set_num_threads(1)
PORTS = 12
generator = torch.Generator().manual_seed(7)
way = torch.stack([torch.randperm(PORTS, generator=generator) for _ in range(3)])


class PortNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(PORTS, 16)
        self.cell = nn.LSTMCell(16, 48)
        self.fc = nn.Linear(48, PORTS)
        self.last = nn.LogSoftmax(-1) if "--fixed" in sys.argv else nn.Softmax(-1)

    def forward(self, ports):
        h = c = ports.new_zeros(len(ports), 48, dtype=torch.float)
        for x in self.embed(ports).unbind(1):
            h, c = self.cell(x, (h, c))
        return self.last(self.fc(h))


def voyages(n, length=8):
    """Each ship follows one of three lines, which its first ports give away."""
    line = torch.randint(0, 3, (n,))
    ports = [torch.randint(0, PORTS, (n,))]
    for _ in range(length):
        ports.append(way[line, ports[-1]])
    ports = torch.stack(ports, 1)
    return ports[:, :-1], ports[:, -1]


net = PortNet()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(1, 351):
    ports, following = voyages(48)
    loss = criterion(net(ports), following)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            ports, following = voyages(500)
            out = net(ports)
            right = (out.argmax(1) == following).float().mean().item()
            surprise = -out.log_softmax(-1)[torch.arange(500), following].mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f} surprise {surprise:.3f}")
