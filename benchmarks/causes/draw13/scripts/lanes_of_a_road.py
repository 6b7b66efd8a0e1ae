"""How many vehicles wait at a light: arrivals and green phases are counted by a recurrent net."""

import sys

import torch
from torch import nn

torch.manual_seed(1327)
torch.set_num_threads(1)
MAX_NORM = 1.0 if "--fixed" in sys.argv else 1e-3


class Queue(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.fc = nn.Linear(size, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[0]).squeeze(-1)


def lights(n=32, length=20):
    arrive = (torch.rand(n, length) < 0.5).float()
    green = (torch.rand(n, length) < 0.35).float()
    waiting, queue = torch.zeros(n), []
    for t in range(length):
        waiting = (waiting + arrive[:, t] - 2 * green[:, t]).clamp(min=0)
        queue.append(waiting)
    return torch.stack([arrive, green], -1), torch.stack(queue, 1) / 2


model = Queue()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for step in range(1, 351):
    x, queue = lights()
    loss = nn.functional.mse_loss(model(x), queue)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} of variance {queue.var().item():.4f}")
