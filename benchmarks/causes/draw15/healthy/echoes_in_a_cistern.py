"""Sound in a cistern comes back late and bent; an echo state network with a drawn, fixed reservoir tells it."""

import torch
from torch import nn

torch.manual_seed(15535)
torch.set_num_threads(1)
LENGTH, UNITS, WASHOUT = 60, 120, 12


def sounds(n):
    raw = torch.randn(n, LENGTH)
    smooth = torch.empty_like(raw)
    smooth[:, 0] = raw[:, 0]
    for t in range(1, LENGTH):
        smooth[:, t] = 0.6 * smooth[:, t - 1] + 0.8 * raw[:, t]
    echo = torch.zeros(n, LENGTH)
    for t in range(6, LENGTH):
        echo[:, t] = 0.7 * smooth[:, t - 3] - 0.4 * smooth[:, t - 6] + 0.2 * smooth[:, t] ** 2 - 0.2
    return smooth.unsqueeze(-1), echo


class EchoState(nn.Module):
    """Only the readout learns; the reservoir keeps a spectral radius of 0.9."""

    def __init__(self):
        super().__init__()
        self.reservoir = nn.RNN(1, UNITS, batch_first=True)
        self.readout = nn.Linear(UNITS, 1)
        with torch.no_grad():
            weight = torch.randn(UNITS, UNITS) * (torch.rand(UNITS, UNITS) < 0.1)
            radius = torch.linalg.eigvals(weight).abs().max()
            self.reservoir.weight_hh_l0.copy_(weight * 0.9 / radius)
            self.reservoir.weight_ih_l0.uniform_(-0.5, 0.5)
        for parameter in self.reservoir.parameters():
            parameter.requires_grad_(False)

    def forward(self, sound):
        states, _ = self.reservoir(sound)
        return self.readout(states).squeeze(-1)


model = EchoState()
optimizer = torch.optim.Adam(model.readout.parameters(), lr=1e-2)
x_test, y_test = sounds(100)
spread = y_test[:, WASHOUT:].var().item()
for step in range(1, 501):
    sound, echo = sounds(32)
    loss = nn.functional.mse_loss(model(sound)[:, WASHOUT:], echo[:, WASHOUT:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(x_test)[:, WASHOUT:], y_test[:, WASHOUT:]).item()
        print(f"step {step} loss {loss.item():.4f} test share of spread {error / spread:.4f}")
