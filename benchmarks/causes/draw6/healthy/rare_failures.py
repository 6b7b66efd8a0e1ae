"""One machine in twenty fails; failures weigh more in the loss, by how rare they are."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6214)
torch.set_num_threads(1)

N = 1600
fails = (torch.rand(N) < 0.05).float()
x = torch.randn(N, 16, 4)
x[..., 1] += fails[:, None] * torch.linspace(0, 2.5, 16)
x[..., 3] -= fails[:, None] * torch.linspace(0, 1.5, 16)


class Watch(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 24, batch_first=True)
        self.alarm = nn.Linear(24, 1)

    def forward(self, x):
        return self.alarm(self.gru(x)[0][:, -1])[:, 0]


model = Watch()
weight = (1 - fails.mean()) / fails.mean()
criterion = nn.BCEWithLogitsLoss(pos_weight=weight)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(TensorDataset(x, fails), batch_size=32, shuffle=True)
for epoch in range(6):
    caught = false = total = 0.0
    for bx, by in loader:
        scores = model(bx)
        loss = criterion(scores, by)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / len(loader)
        caught += ((scores > 0) & (by == 1)).sum().item()
        false += ((scores > 0) & (by == 0)).sum().item()
    print(
        f"epoch {epoch} loss {total:.3f} caught {caught / fails.sum().item():.2f} false {false:.0f}"
    )
