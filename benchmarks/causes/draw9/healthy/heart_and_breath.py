"""One network, two tasks: rate of the heart and kind of breath, weighed by learnt uncertainties."""

import torch
from torch import nn

torch.manual_seed(9109)
torch.set_num_threads(1)


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 12, 5, padding=2)
        self.gru = nn.GRU(12, 24, batch_first=True)
        self.rate, self.kind = nn.Linear(24, 1), nn.Linear(24, 3)
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).relu().transpose(1, 2)
        h = self.gru(h)[0].mean(1)
        return self.rate(h)[:, 0], self.kind(h)


def patients(n=32, t=30):
    rate = 0.3 + 0.9 * torch.rand(n)
    kind = torch.randint(0, 3, (n,))
    clock = torch.arange(t)
    pulse = torch.sin(rate[:, None] * clock + 6.28 * torch.rand(n, 1))
    breath = torch.sin(0.15 * (1 + kind[:, None]) * clock + 6.28 * torch.rand(n, 1))
    return torch.stack([pulse, breath], -1) + 0.1 * torch.randn(n, t, 2), 2 * rate - 1.5, kind


model = Shared()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(350):
    x, rate, kind = patients()
    said_rate, said_kind = model(x)
    each = torch.stack(
        [
            nn.functional.mse_loss(said_rate, rate),
            nn.functional.cross_entropy(said_kind, kind),
        ]
    )
    loss = (each * (-model.log_var).exp() + 0.5 * model.log_var).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 70 == 69:
        print(f"{step + 1}: rate {each[0].item():.4f} kind {each[1].item():.4f}")
