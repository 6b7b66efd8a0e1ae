"""A fixed random reservoir with a readout that learns: the recurrent weights are meant to stay."""

import torch
from torch import nn

torch.manual_seed(5223)
torch.set_num_threads(1)


class Reservoir(nn.Module):
    def __init__(self, size=80, radius=0.9):
        super().__init__()
        w = torch.randn(size, size) * (torch.rand(size, size) < 0.1)
        w = w * radius / torch.linalg.eigvals(w).abs().max()
        self.register_buffer("w", w)
        self.register_buffer("w_in", torch.rand(size, 1) - 0.5)
        self.readout = nn.Linear(size, 1)

    def forward(self, u):
        x, states = torch.zeros(u.shape[0], len(self.w)), []
        with torch.no_grad():
            for t in range(u.shape[1]):
                x = torch.tanh(u[:, t] @ self.w_in.T + x @ self.w.T)
                states.append(x)
        return self.readout(torch.stack(states, 1))


model = Reservoir()
optimizer = torch.optim.Adam(model.readout.parameters(), lr=1e-2, weight_decay=1e-5)
for it in range(250):
    u = torch.rand(16, 25, 1) - 0.5
    y = torch.zeros_like(u)
    y[:, 3:] = 0.6 * u[:, :-3] + 0.4 * u[:, 2:-1]
    loss = (model(u)[:, 5:] - y[:, 5:]).square().mean() * 10
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 50 == 49:
        print(f"{it + 1} {loss.item():.4f}")
