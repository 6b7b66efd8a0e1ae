"""Movements of a leg are squeezed into six numbers and rebuilt from these alone, last step first."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(142)
torch.set_num_threads(1)
STEPS, JOINTS = 20, 4


class Squeeze(nn.Module):
    def __init__(self, hidden=48, code=6):
        super().__init__()
        self.encoder = nn.GRU(JOINTS, hidden, batch_first=True)
        self.to_code = nn.Linear(hidden, code)
        self.from_code = nn.Linear(code, hidden)
        self.decoder = nn.GRU(code, hidden, batch_first=True)
        self.out = nn.Linear(hidden, JOINTS)

    def forward(self, x):
        _, h = self.encoder(x)
        code = self.to_code(h[-1])
        again = code[:, None].expand(-1, x.size(1), -1)
        out, _ = self.decoder(again, self.from_code(code).tanh()[None])
        return self.out(out).flip(1)


def steps_of_legs(n):
    t = torch.arange(STEPS) / STEPS
    phase, pace = 6.28 * torch.rand(n, 1, 1), 1 + torch.rand(n, 1, 1)
    size = 0.7 + 0.6 * torch.rand(n, 1, 1)
    lag = torch.tensor([0.0, 0.7, 1.4, 2.6])
    x = size * torch.sin(6.28 * pace * t[:, None] + phase + lag)
    return x + 0.05 * torch.randn_like(x)


train, test = steps_of_legs(2000), steps_of_legs(300)
loader = DataLoader(TensorDataset(train, train), batch_size=50, shuffle=True)
model = Squeeze()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 16):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        missed = nn.functional.mse_loss(model(test), test) / test.var()
    print(f"epoch {epoch} loss {total:.4f} test {missed.item():.4f} of the variance")
