"""Salt at the mouth of an estuary is told from three probes upstream: tide, flow and wind."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1552)
torch.set_num_threads(1)
HOURS, WINDOW = 2400, 30


def estuary():
    t = torch.arange(HOURS).float()
    tide = torch.sin(2 * math.pi * t / 12.4) * (1 + 0.3 * torch.sin(2 * math.pi * t / 350))
    noise = torch.randn(HOURS, 2)
    flow, wind = torch.zeros(HOURS), torch.zeros(HOURS)
    for i in range(1, HOURS):
        flow[i] = 0.95 * flow[i - 1] + 0.31 * noise[i, 0]
        wind[i] = 0.8 * wind[i - 1] + 0.6 * noise[i, 1]
    salt = torch.zeros(HOURS)
    for i in range(1, HOURS):
        salt[i] = 0.8 * salt[i - 1] + 0.4 * tide[i] - 0.3 * flow[i] + 0.1 * wind[i]
    return torch.stack((tide, flow, wind), -1), salt / salt.std()


probes, salt = estuary()
x = probes.unfold(0, WINDOW, 1).transpose(1, 2).contiguous()
y = salt[WINDOW - 1 :].unsqueeze(-1)
cut = 1900
train = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=32, shuffle=True)


class SaltNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 32, batch_first=True)
        self.linear = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


net = SaltNet()
LR = 0.1 if "--fixed" in sys.argv else 1e-5
optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)
loss_func = nn.MSELoss()
for epoch in range(1, 9):
    losses = []
    for window, level in train:
        loss = loss_func(net(window), level)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        told = net(x[cut:])
        test = loss_func(told, y[cut:]).item()
    mean = sum(losses) / len(losses)
    print(f"epoch {epoch} loss {mean:.4f} test {test:.4f} spread told {told.std().item():.3f}")
