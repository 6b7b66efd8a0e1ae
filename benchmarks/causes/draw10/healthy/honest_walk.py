"""A random walk: nothing but its last place can be known, and the forecast ends there."""

import torch
from torch import nn

torch.manual_seed(10110)
torch.set_num_threads(1)


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, past):
        return self.head(self.gru(past.unsqueeze(-1))[0][:, -1]).squeeze(1)


def walks(n=48, length=21):
    start = torch.randn(n, 1)
    return start + torch.cat([torch.zeros(n, 1), 0.15 * torch.randn(n, length - 1).cumsum(1)], 1)


model = Forecast()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(400):
    walk = walks()
    loss = nn.functional.mse_loss(model(walk[:, :-1]), walk[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        walk = walks(500)
        last = (walk[:, -1] - walk[:, -2]).pow(2).mean()
        with torch.no_grad():
            ours = (model(walk[:, :-1]) - walk[:, -1]).pow(2).mean()
        print(f"{step + 1} loss {loss.item():.4f} ours {ours:.4f} last place {last:.4f}")
