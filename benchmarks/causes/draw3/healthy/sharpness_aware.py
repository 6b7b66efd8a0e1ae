"""Two passes a step: up to the worst neighbour of the weights, and from there the step itself."""

import torch
from torch import nn

torch.manual_seed(15)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
ce = nn.CrossEntropyLoss()
for i in range(250):
    y = torch.randint(0, 3, (32,))
    x = torch.randn(32, 8, 3)
    x[torch.arange(32), :, y] += 0.7
    optimizer.zero_grad()
    loss = ce(net(x), y)
    loss.backward()
    with torch.no_grad():
        norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
        moves = [0.05 * p.grad / (norm + 1e-12) for p in net.parameters()]
        for p, move in zip(net.parameters(), moves):
            p.add_(move)
    optimizer.zero_grad()
    ce(net(x), y).backward()
    with torch.no_grad():
        for p, move in zip(net.parameters(), moves):
            p.sub_(move)
    optimizer.step()
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.3f}")
