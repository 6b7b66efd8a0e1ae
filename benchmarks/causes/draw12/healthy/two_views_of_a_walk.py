"""Two halves of a walk shall be known as of the same walker, among all the others of the batch."""

import torch
from torch import nn

torch.manual_seed(1239)
torch.set_num_threads(1)
HALF, SENSORS, WARMTH = 16, 4, 0.2


class Gait(nn.Module):
    def __init__(self, size=40, code=24):
        super().__init__()
        self.conv = nn.Conv1d(SENSORS, 24, 3, padding=1)
        self.gru = nn.GRU(24, size, batch_first=True)
        self.code = nn.Linear(size, code)

    def forward(self, half):
        x = torch.relu(self.conv(half.mT)).mT
        return nn.functional.normalize(self.code(self.gru(x)[1][-1]), dim=-1)


def walks(n=32):
    rate = 0.3 + 0.6 * torch.rand(n, 1, 1)
    lag = torch.rand(n, 1, SENSORS) * 6.28
    t = torch.arange(2 * HALF)[None, :, None]
    walk = torch.sin(rate * t + lag) + 0.1 * torch.randn(n, 2 * HALF, SENSORS)
    return walk[:, :HALF], walk[:, HALF:]


model = Gait()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 501):
    first, second = walks()
    alike = model(first) @ model(second).T / WARMTH
    own = torch.arange(len(alike))
    loss = (nn.functional.cross_entropy(alike, own) + nn.functional.cross_entropy(alike.T, own)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        with torch.no_grad():
            first, second = walks(64)
            found = (model(first) @ model(second).T).argmax(1) == torch.arange(64)
        print(
            f"step {step} loss {loss.item():.4f} partner found among 64 {found.float().mean():.3f}"
        )
