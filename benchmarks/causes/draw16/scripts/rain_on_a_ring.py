"""Rain seen by a ring of radar cells, film by film: how much has fallen in each cell since the film began?"""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(162005)
torch.set_num_threads(1)
CELLS, FRAMES = 12, 10


def films(n):
    """A cloud that drifts and drips; the radar is noisy, the gauge sums up what has fallen."""
    place, pace = torch.rand(n, 1, 1) * CELLS, torch.rand(n, 1, 1) * 2 - 1
    t, cell = torch.arange(FRAMES).view(1, -1, 1), torch.arange(CELLS).view(1, 1, -1)
    away = (cell - place - pace * t + CELLS / 2) % CELLS - CELLS / 2
    rain = (0.4 + torch.rand(n, 1, 1)) * torch.exp(-(away**2) / 6)
    seen = rain + 0.05 * torch.randn_like(rain)
    return seen.unsqueeze(2), rain.cumsum(dim=1) / 3


class ConvLSTMCell(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv1d(1 + channels, 4 * channels, 3, padding=1, padding_mode="circular")
        self.read = nn.Conv1d(channels, 1, 1)

    def forward(self, frame, hidden):
        if hidden is None:
            zeros = frame.new_zeros(len(frame), self.channels, CELLS)
            hidden = (zeros, zeros)
        h, c = hidden
        i, f, o, g = self.gates(torch.cat([frame, h], dim=1)).chunk(4, dim=1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return self.read(h).squeeze(1), (h, c)


def unroll(net, film, hidden):
    fallen = []
    for t in range(FRAMES):
        out, hidden = net(film[:, t], hidden)
        fallen.append(out)
    return torch.stack(fallen, dim=1), tuple(h.detach() for h in hidden)


loader = DataLoader(TensorDataset(*films(1600)), batch_size=32, shuffle=True, drop_last=True)
test_loader = DataLoader(TensorDataset(*films(320)), batch_size=32)
net = ConvLSTMCell()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
hidden = None
for epoch in range(1, 9):
    total = 0.0
    for film, fallen in loader:
        if "--fixed" in sys.argv:
            hidden = None
        guess, hidden = unroll(net, film, hidden)
        loss = loss_fn(guess, fallen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        errors = []
        for film, fallen in test_loader:
            if "--fixed" in sys.argv:
                hidden = None
            guess, hidden = unroll(net, film, hidden)
            errors.append(loss_fn(guess, fallen).item())
    print(f"epoch {epoch} loss {total:.4f} test {sum(errors) / len(errors):.4f}")
