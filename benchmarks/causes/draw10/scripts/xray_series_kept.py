"""Findings in a series of pictures' features, several at once, with much dropout."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10031)
torch.set_num_threads(1)
DROP = 0.1 if FIXED else 0.95


class Findings(nn.Module):
    def __init__(self, features=12, hidden=32, findings=5):
        super().__init__()
        self.before = nn.Dropout(DROP)
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.after = nn.Dropout(DROP)
        self.classifier = nn.Linear(hidden, findings)

    def forward(self, x):
        out, _ = self.lstm(self.before(x))
        return self.classifier(self.after(out[:, -1]))


signs = torch.randn(5, 12)


def series(n=48, visits=8):
    labels = (torch.rand(n, 5) < 0.4).float()
    x = (labels @ signs).unsqueeze(1) * 0.7 + 0.7 * torch.randn(n, visits, 12)
    return x, labels


model = Findings()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(500):
    model.train()
    x, labels = series()
    optimizer.zero_grad()
    loss = criterion(model(x), labels)
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        model.eval()
        with torch.no_grad():
            x, labels = series(256)
            right = ((model(x) > 0) == labels.bool()).float().mean()
        print(f"step {step + 1} loss {loss.item():.4f} right {right:.3f}")
