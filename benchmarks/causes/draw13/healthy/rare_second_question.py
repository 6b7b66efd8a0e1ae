"""Steps of a walker: the slope is wanted always, the kind of shoe is known one time in three."""

import torch
from torch import nn

torch.manual_seed(1358)
torch.set_num_threads(1)


def walks(n, length=16):
    slope = torch.rand(n, 1) * 2 - 1
    shoe = torch.randint(0, 2, (n,))
    beat = (torch.arange(length) * (0.6 + 0.4 * shoe.unsqueeze(1)) + 6.28 * torch.rand(n, 1)).sin()
    tilt = slope + 0.3 * torch.randn(n, length)
    return torch.stack([beat, tilt], -1), slope.squeeze(1), shoe


class Walker(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.slope = nn.Linear(size, 1)
        self.shoe = nn.Linear(size, 2)

    def forward(self, x):
        return self.gru(x)[0][:, -1]


model = Walker()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 721):
    x, slope, shoe = walks(32)
    state = model(x)
    loss = nn.functional.mse_loss(model.slope(state).squeeze(1), slope)
    if step % 3 == 0:
        loss = loss + 0.5 * nn.functional.cross_entropy(model.shoe(state), shoe)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 1:
        with torch.no_grad():
            x, slope, shoe = walks(300)
            state = model(x)
            error = nn.functional.mse_loss(model.slope(state).squeeze(1), slope).item()
            right = (model.shoe(state).argmax(1) == shoe).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} slope {error:.4f} shoe right {right:.3f}")
