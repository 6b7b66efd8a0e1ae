"""Dropout stays on in evaluation, on purpose: many passes give a spread of forecasts."""

import torch
from torch import nn

torch.manual_seed(3)
torch.set_num_threads(1)
t = torch.arange(2000)
series = torch.sin(t * 0.26) + 0.3 * torch.sin(t * 0.9) + 0.1 * torch.randn(2000)
windows = series.unfold(0, 21, 1)
train, test = windows[:1600], windows[1600:]


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.drop(self.lstm(x)[0][:, -1]))


def sampled(model, x, passes=10):
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    with torch.no_grad():
        draws = torch.stack([model(x) for _ in range(passes)])
    return draws.mean(0), draws.std(0)


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    model.train()
    for index in torch.randperm(1580).split(40):
        batch = train[index]
        loss = nn.functional.mse_loss(model(batch[:, :20, None]), batch[:, 20:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mean, spread = sampled(model, test[:, :20, None])
    error = (mean - test[:, 20:]).pow(2).mean().item()
    print(f"epoch {epoch} error {error:.4f} spread {spread.mean().item():.4f}")
