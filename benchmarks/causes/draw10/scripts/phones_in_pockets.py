"""What does the bearer of a telephone do? Six kinds of motion, from three accelerations."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(107)
torch.set_num_threads(1)


class HARNet(nn.Module):
    def __init__(self, n_class=6):
        super().__init__()
        self.conv1 = nn.Conv1d(3, 16, 5, padding=2)
        self.pool = nn.MaxPool1d(2)
        self.rnn = nn.LSTM(16, 32, batch_first=True)
        self.fc = nn.Linear(32, n_class)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x, _ = self.rnn(x.transpose(1, 2))
        x = self.fc(x.mean(1))
        if FIXED:
            return x
        return F.softmax(x, dim=1)


def windows(n=32, t=32):
    label = torch.randint(0, 6, (n,))
    rate = torch.tensor([0.0, 0.2, 0.45, 0.7, 0.7, 0.2])[label][:, None]
    lean = torch.tensor([0.0, 0.5, -0.5, 0.5, -0.5, -0.5])[label][:, None]
    phase = rate * torch.arange(t) + 6.28 * torch.rand(n, 1)
    xyz = torch.stack([phase.sin(), 0.5 * phase.cos(), lean.expand(n, t)], 1)
    return xyz + 0.3 * torch.randn(n, 3, t), label


model = HARNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for it in range(500):
    sample, target = windows()
    output = model(sample)
    loss = criterion(output, target)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if it % 100 == 99:
        correct = (output.argmax(1) == target).float().mean().item()
        print(f"iter {it + 1}, loss {loss.item():.4f}, acc {correct:.3f}")
