"""Swings of a lamp: a small recurrent model of damped swings is fitted by L-BFGS with a closure, on all of them at once."""

import torch
from torch import nn

torch.manual_seed(17205)
torch.set_num_threads(1)


def swings(count, length=24):
    """The angle and the speed of lamps of other sizes, dampings and beginnings."""
    t = torch.arange(length) * 0.35
    size, phase = 0.5 + torch.rand(count, 1), 6.283 * torch.rand(count, 1)
    damping = 0.02 + 0.1 * torch.rand(count, 1)
    fading = size * torch.exp(-damping * t)
    return torch.stack([fading * torch.cos(t + phase), -fading * torch.sin(t + phase)], dim=2)


class Lamp(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.rnn = nn.RNN(2, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


seen, held_out = swings(48), swings(48)
seen = seen + 0.02 * torch.randn_like(seen)
model = Lamp()
optimizer = torch.optim.LBFGS(
    model.parameters(), lr=1.0, max_iter=2, history_size=10, line_search_fn="strong_wolfe"
)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(seen[:, :-1]), seen[:, 1:])
    loss.backward()
    return loss


for step in range(1, 301):
    loss = optimizer.step(closure)
    if step % 30 == 0:
        with torch.no_grad():
            off = (model(held_out[:, :-1]) - held_out[:, 1:]).square().mean()
        print(f"step {step} loss {loss.item():.6f} held-out {off.item():.6f}")
