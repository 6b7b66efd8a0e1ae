"""Parcels by the codes scanned on their way: the next depot at every scan, and, where one was weighed, its weight."""

import torch
from torch import nn

torch.manual_seed(16301)
torch.set_num_threads(1)
CODES, SCANS, DEPOTS = 24, 12, 6
load = torch.randn(CODES)
road = torch.randint(0, DEPOTS, (CODES, 3))


def parcels(n):
    codes = torch.randint(0, CODES, (n, SCANS))
    turn = torch.cat((codes[:, :1], codes[:, :-1]), dim=1) % 3
    return codes, road[codes, turn], load[codes].mean(1) * 2


class ParcelNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(CODES, 20)
        self.gru = nn.GRU(20, size, batch_first=True)
        self.depot = nn.Linear(size, DEPOTS)
        self.weight = nn.Linear(size, 1)

    def forward(self, codes):
        out, _ = self.gru(self.embed(codes))
        return self.depot(out), self.weight(out.mean(1)).squeeze(1)


model = ParcelNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 501):
    codes, depots, weights = parcels(24)
    depot_scores, weight_guess = model(codes)
    loss = nn.functional.cross_entropy(depot_scores.flatten(0, 1), depots.flatten())
    weighed = torch.rand(()) < 0.12
    if weighed:  # the scales are free for one load in eight
        loss = loss + nn.functional.mse_loss(weight_guess, weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            codes, depots, weights = parcels(200)
            depot_scores, weight_guess = model(codes)
            right = (depot_scores.argmax(2) == depots).float().mean().item()
            off = nn.functional.mse_loss(weight_guess, weights) / weights.var()
        print(
            f"step {step} loss {loss.item():.4f} depots right {right:.3f} weight error {off.item():.3f}"
        )
