"""One heartbeat in twelve is of the rare kind, and counts six times."""

import torch
from torch import nn

torch.manual_seed(8214)
torch.set_num_threads(1)


class Beats(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.conv = nn.Conv1d(1, width, 5, stride=2)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        x = self.conv(x[:, None]).relu().transpose(1, 2)
        return self.out(self.lstm(x)[0][:, -1])


def beats(n=60, t=33):
    rare = (torch.rand(n) < 1 / 12).long()
    time = torch.arange(t)
    peak = torch.exp(-((time - 10 - 3 * torch.rand(n, 1)) ** 2) / 6)
    second = torch.exp(-((time - 22 + 5 * rare[:, None]) ** 2) / 8)
    return peak + 0.6 * second + 0.08 * torch.randn(n, t), rare


model = Beats()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 6.0]))
for step in range(240):
    x, rare = beats()
    scores = model(x)
    loss = criterion(scores, rare)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        found = (scores.argmax(1) == rare)[rare == 1].float().mean()
        print(f"{step + 1} loss {loss.item():.3f} rare ones found {found:.2f}")
