"""An echo state network: random recurrent weights that nobody trains, and a trained readout."""

import torch
from torch import nn

torch.manual_seed(5)
torch.set_num_threads(1)


class Reservoir(nn.Module):
    def __init__(self, size=60, leak=0.4):
        super().__init__()
        w = torch.randn(size, size) / size**0.5
        self.register_buffer("w", 0.95 * w / torch.linalg.eigvals(w).abs().max())
        self.register_buffer("w_in", torch.rand(1, size) - 0.5)
        self.leak = leak
        self.readout = nn.Linear(size, 1)

    def states(self, u):
        h = torch.zeros(u.size(0), self.w.size(0))
        seen = []
        for step in u.unbind(1):
            h = (1 - self.leak) * h + self.leak * torch.tanh(step @ self.w_in + h @ self.w)
            seen.append(h)
        return torch.stack(seen, 1)

    def forward(self, u):
        with torch.no_grad():
            h = self.states(u)
        return self.readout(h[:, 5:])


net = Reservoir()
opt = torch.optim.Adam(net.readout.parameters(), lr=1e-2)
for i in range(300):
    u = torch.rand(16, 30, 1) - 0.5
    y = u[:, 3:-2] + 0.5 * u[:, 1:-4]
    loss = nn.functional.mse_loss(net(u), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 60 == 59:
        print(i + 1, f"{loss.item():.5f}")
