"""L-BFGS fits a small recurrent net to swings of a pendulum, all of them at each step."""

import torch
from torch import nn

torch.manual_seed(2325)
torch.set_num_threads(1)


class Swing(nn.Module):
    def __init__(self, size=16):
        super().__init__()
        self.rnn = nn.GRU(1, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, angle):
        return self.out(self.rnn(angle)[0])


def swings(n, length=25):
    size, phase = 0.3 + 0.7 * torch.rand(n, 1), 6.28 * torch.rand(n, 1)
    slow = 0.6 - 0.1 * size
    angle = size * torch.sin(slow * torch.arange(length + 1) + phase)
    return angle[:, :-1, None], angle[:, 1:, None]


angle, then = swings(64)
angle_val, then_val = swings(200)
model = Swing()
optimizer = torch.optim.LBFGS(
    model.parameters(), lr=0.8, max_iter=10, history_size=20, line_search_fn="strong_wolfe"
)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(angle)[:, 3:], then[:, 3:])
    loss.backward()
    return loss


for step in range(1, 41):
    loss = optimizer.step(closure)
    if step % 5 == 0:
        with torch.no_grad():
            val = nn.functional.mse_loss(model(angle_val)[:, 3:], then_val[:, 3:]).item()
        print(f"step {step} loss {loss.item():.6f} val {val:.6f}")
