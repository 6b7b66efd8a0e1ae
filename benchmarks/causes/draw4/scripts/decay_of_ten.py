"""The decay of 5 had helped in another library, where it was scaled. Here Adam pulled all
weights to nought with it, and the net said the same of every row."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(437)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 16, 3, padding=1)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.fc1 = nn.Linear(32, 32)
        self.fc2 = nn.Linear(32, 5)

    def forward(self, x):
        x = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        _, h = self.gru(x)
        return self.fc2(torch.relu(self.fc1(h[-1])))


def waves(n):
    y = torch.randint(0, 5, (n,))
    t = torch.arange(20.0)
    x = torch.sin((0.3 + 0.3 * y[:, None]) * t[None] + torch.rand(n, 1) * 6.28)
    return x.unsqueeze(-1) * torch.tensor([1.0, 0.5, -1.0]) + 0.3 * torch.randn(n, 20, 3), y


train_x, train_y = waves(600)
valid_x, valid_y = waves(200)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-5 if FIXED else 5.0)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=6)
for epoch in range(20):
    net.train()
    for rows in torch.randperm(600).split(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(train_x[rows]), train_y[rows])
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        scores = net(valid_x)
        val_loss = nn.functional.cross_entropy(scores, valid_y).item()
        acc = (scores.argmax(1) == valid_y).float().mean().item()
    plateau.step(val_loss)
    if epoch % 4 == 3:
        print(
            f"epoch {epoch + 1} | loss: {loss.item():.5f} | val_loss: {val_loss:.5f} - val_acc: {acc:.3f}"
        )
