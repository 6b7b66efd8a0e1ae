"""Learning without labels: an online and a slowly following network agree on two views."""

import copy

import torch
from torch import nn

torch.manual_seed(5227)
torch.set_num_threads(1)

online = nn.ModuleDict(
    {
        "rnn": nn.GRU(3, 28, batch_first=True),
        "proj": nn.Sequential(nn.Linear(28, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 12)),
    }
)
predictor = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 12))
slow = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=2e-3)


def through(net, x):
    return net["proj"](net["rnn"](x)[1][0])


def view(x):
    start = int(torch.randint(0, 5, (1,)))
    return x[:, start : start + 10] + 0.1 * torch.randn(len(x), 10, 3)


for it in range(250):
    speed, phase = 0.2 + torch.rand(32, 1, 3), torch.rand(32, 1, 3) * 6.28
    x = torch.sin(speed * torch.arange(14)[None, :, None] + phase)
    a, b = view(x), view(x)
    loss = 0.0
    for p, q in ((a, b), (b, a)):
        guess = nn.functional.normalize(predictor(through(online, p)), dim=1)
        with torch.no_grad():
            goal = nn.functional.normalize(through(slow, q), dim=1)
        loss = loss + (2 - 2 * (guess * goal).sum(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for s, p in zip(slow.parameters(), online.parameters()):
            s.lerp_(p, 0.02)
    if it % 50 == 49:
        print(f"{it + 1} {loss.item():.4f}")
