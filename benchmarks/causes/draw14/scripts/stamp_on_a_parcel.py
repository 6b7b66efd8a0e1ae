"""A stamp is read when a parcel enters the belt; at the belt's end it is to be sent to its lane."""

import sys

import torch
from torch import nn

torch.manual_seed(55)
torch.set_num_threads(1)
LANES, BELT = 4, 50


class Belt(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.RNN(LANES + 2, hidden, batch_first=True)
        self.lane = nn.Linear(hidden, LANES)
        if "--fixed" in sys.argv:
            nn.init.orthogonal_(self.rnn.weight_hh_l0)
            nn.init.zeros_(self.rnn.bias_ih_l0)
            nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.lane(out[:, -1])


def parcels(n):
    lane = torch.randint(LANES, (n,))
    x = torch.zeros(n, BELT, LANES + 2)
    x[torch.arange(n), 0, lane] = 1.0
    x[:, :, LANES] = 0.1 * torch.randn(n, BELT)
    x[:, -1, LANES + 1] = 1.0
    return x, lane


model = Belt()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1, 601):
    x, lane = parcels(32)
    loss = nn.functional.cross_entropy(model(x), lane)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 60 == 0:
        with torch.no_grad():
            x, lane = parcels(400)
            right = (model(x).argmax(1) == lane).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right lane {right:.3f}")
