"""The next place of a moonlet from its last places: a tiny RNN fitted to the full set by L-BFGS."""

import torch
from torch import nn

torch.manual_seed(14103)
torch.set_num_threads(1)


class OrbitNet(nn.Module):
    def __init__(self, size=12):
        super().__init__()
        self.rnn = nn.RNN(2, size, batch_first=True)
        self.out = nn.Linear(size, 2)

    def forward(self, places):
        h, _ = self.rnn(places)
        return self.out(h)


def orbits(n, length=16):
    pace = 0.3 + 0.3 * torch.rand(n, 1)
    angle = 6.28 * torch.rand(n, 1) + pace * torch.arange(length + 1)
    far = 0.5 + 0.4 * torch.rand(n, 1)
    places = torch.stack([far * angle.cos(), far * angle.sin()], dim=-1)
    return places[:, :-1], places[:, 1:]


x, y = orbits(128)
test_x, test_y = orbits(200)
model = OrbitNet()
optimizer = torch.optim.LBFGS(
    model.parameters(), lr=1.0, max_iter=10, history_size=20, line_search_fn="strong_wolfe"
)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x)[:, 2:], y[:, 2:])
    loss.backward()
    return loss


for step in range(40):
    loss = optimizer.step(closure)
    if step % 5 == 0 or step == 39:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test_x)[:, 2:], test_y[:, 2:]).item()
        print(f"step {step} loss {loss.item():.6f} test {error:.6f} of {test_y.var():.4f}")
