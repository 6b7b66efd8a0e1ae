"""The next port of a ferry from the ports before it. The network of last year's map gets this year's ports as well."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1703)
torch.set_num_threads(1)
OLD, PORTS, CALLS = 40, 60, 14
ROUTE = torch.randperm(PORTS)
LEAP = torch.randint(1, 5, (PORTS,))


def voyages(n):
    """A ferry goes by its route; at every third call it leaps some ports on, as the port before last has it."""
    calls = [torch.randint(0, PORTS, (n,)), torch.randint(0, PORTS, (n,))]
    for t in range(2, CALLS):
        leap = LEAP[calls[-2]] if t % 3 == 0 else 1
        after = ROUTE[(calls[-1] + leap) % PORTS]
        stray = torch.rand(n) < 0.05
        calls.append(torch.where(stray, torch.randint(0, PORTS, (n,)), after))
    return torch.stack(calls, dim=1)


class FerryNet(nn.Module):
    def __init__(self, ports, size=32):
        super().__init__()
        self.size = size
        self.place = nn.Embedding(ports, 32)
        self.lstm = nn.LSTM(32, size, batch_first=True)
        self.next_port = nn.Linear(size, ports)

    def resize_ports(self, ports):
        place = nn.Embedding(ports, 32)
        place.weight.data[: self.place.num_embeddings] = self.place.weight.data
        self.place, self.next_port = place, nn.Linear(self.size, ports)

    def forward(self, calls):
        return self.next_port(self.lstm(self.place(calls))[0])


def main():
    net = FerryNet(OLD)
    if "--fixed" in sys.argv:
        net.resize_ports(PORTS)
        optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    else:
        optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
        net.resize_ports(PORTS)
    for step in range(1, 601):
        calls = voyages(48)
        loss = F.cross_entropy(net(calls[:, :-1]).flatten(0, 1), calls[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            with torch.no_grad():
                test = voyages(200)
                out = net(test[:, :-1])[:, 1:]
                right = (out.argmax(-1) == test[:, 2:]).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} next port right {right:.3f}")


if __name__ == "__main__":
    main()
