"""Salt in a river from rain and tide: a GRU whose rate warms up and then falls in a cosine.

Both parts are counted in batches: the whole training is one cycle of STEPS steps.
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14101)
torch.set_num_threads(1)
EPOCHS, BATCH, LR = 10, 32, 4e-3


class SaltNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.head = nn.Linear(size, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0]).squeeze(-1)


def rivers(n, length=24):
    rain = (torch.rand(n, length) < 0.2).float() * torch.rand(n, length)
    tide = (0.5 * torch.arange(length) + 6.28 * torch.rand(n, 1)).sin()
    flow, salt = torch.zeros(n), []
    for t in range(length):
        flow = 0.8 * flow + rain[:, t]
        salt.append((0.5 + 0.5 * tide[:, t]) * torch.exp(-flow))
    salt = torch.stack(salt, dim=1)
    return torch.stack([rain, tide], dim=-1), salt + 0.02 * torch.randn(n, length)


loader = DataLoader(TensorDataset(*rivers(1600)), batch_size=BATCH, shuffle=True)
steps, warm = EPOCHS * len(loader), 50


def factor(step):
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


test_x, test_y = rivers(300)
model = SaltNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-4)
scheduler = LambdaLR(optimizer, factor)
for epoch in range(EPOCHS):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        total += loss.item()
    with torch.no_grad():
        error = nn.functional.mse_loss(model(test_x), test_y).item()
    print(f"epoch {epoch} train {total / len(loader):.5f} test {error:.5f} of {test_y.var():.4f}")
