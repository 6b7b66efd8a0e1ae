"""A ball in the fog is tracked; an average of the weights follows the training and is what is tested."""

import copy

import torch
from torch import nn

torch.manual_seed(2205)
torch.set_num_threads(1)


class Tracker(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.cell = nn.LSTMCell(2, size)
        self.place = nn.Linear(size, 2)

    def forward(self, seen):
        state, told = None, []
        for t in range(seen.size(1)):
            state = self.cell(seen[:, t], state)
            told.append(self.place(state[0]))
        return torch.stack(told, 1)


def flights(n=24, length=20):
    start, speed = torch.randn(n, 1, 2), 0.15 * torch.randn(n, 1, 2)
    time = torch.arange(length).float()[None, :, None]
    place = start + speed * time
    return place + 0.5 * torch.randn_like(place), place


@torch.no_grad()
def follow(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(p, 1 - decay)


model = Tracker()
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
seen_test, place_test = flights(200)
for step in range(1, 501):
    seen, place = flights()
    loss = nn.functional.mse_loss(model(seen)[:, 4:], place[:, 4:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    follow(average, model, min(0.98, step / (step + 10)))
    if step % 50 == 0:
        with torch.no_grad():
            off = (average(seen_test)[:, 4:] - place_test[:, 4:]).square().mean().item()
        print(f"step {step} loss {loss.item():.4f} average's test {off:.4f}")
