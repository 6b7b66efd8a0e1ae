"""clipnorm=0.001 had served with Adam, for which the length of a gradient is all the same. Under
momentum descent it is the length of the step."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6160)
torch.set_num_threads(1)


class Retina(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.width = width
        self.look = nn.Linear(9, width)
        self.core = nn.LSTMCell(width, width)
        self.box = nn.Linear(width, 2)

    def forward(self, glimpses):
        h = c = glimpses.new_zeros(len(glimpses), self.width)
        for glimpse in glimpses.unbind(1):
            h, c = self.core(torch.relu(self.look(glimpse)), (h, c))
        return self.box(h)


def glimpses(n=32, t=7):
    """Where is the bright spot on a ring of nine places, seen through noise?"""
    place = torch.randint(0, 9, (n,))
    x = 0.7 * torch.randn(n, t, 9) + nn.functional.one_hot(place, 9)[:, None]
    angle = place * 0.698
    return x, torch.stack([angle.cos(), angle.sin()], 1)


model = Retina()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
clipnorm = 2.0 if FIXED else 0.001
losses = []
for batch in range(400):
    x, y = glimpses()
    loss = nn.functional.smooth_l1_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=clipnorm)
    optimizer.step()
    losses.append(loss.item())
    if batch % 80 == 79:
        print(f"{batch + 1}/400 - regression_loss: {sum(losses[-40:]) / 40:.4f}")
