"""The level of a river, twelve hours at once, from rain and level of two days."""

import torch
from torch import nn

torch.manual_seed(9104)
torch.set_num_threads(1)


def river(n=1500):
    rain = (torch.rand(n) < 0.08).float() * torch.rand(n) * 5
    level = [torch.tensor(1.0)]
    for t in range(1, n):
        level.append(0.93 * level[-1] + 0.15 * rain[max(0, t - 6)] + 0.07)
    return torch.stack([rain, torch.stack(level) + 0.02 * torch.randn(n)], 1)


raw = river()
mean, std = raw[:1200].mean(0), raw[:1200].std(0)
data = (raw - mean) / std


class Forecast(nn.Module):
    def __init__(self, hidden=32, horizon=6):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, horizon)

    def forward(self, x):
        return x[:, -1, 1:] + self.out(self.lstm(x)[0][:, -1])


windows = data.unfold(0, 30, 1).transpose(1, 2)
train, test = windows[:1170], windows[1200:]
model = Forecast()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=400)
for step in range(400):
    batch = train[torch.randint(0, len(train), (32,))]
    loss = nn.functional.smooth_l1_loss(model(batch[:, :24]), batch[:, 24:, 1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 80 == 79:
        with torch.no_grad():
            ours = (model(test[:, :24]) - test[:, 24:, 1]).abs().mean()
            last = (test[:, 23:24, 1] - test[:, 24:, 1]).abs().mean()
        print(f"{step + 1} loss {loss.item():.4f} test {ours:.4f} (last level {last:.4f})")
