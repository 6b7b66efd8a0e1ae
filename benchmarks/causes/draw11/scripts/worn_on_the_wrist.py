"""Movements of a wrist, told apart by a convolution along time and an LSTM over what it finds."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1114)
torch.set_num_threads(1)


class DeepConvLSTM(nn.Module):
    def __init__(self, channels=3, filters=8, units=32, classes=6):
        super().__init__()
        self.conv1 = nn.Conv2d(1, filters, (5, 1))
        self.conv2 = nn.Conv2d(filters, filters, (5, 1))
        self.lstm = nn.LSTM(filters * channels, units, batch_first=FIXED)
        self.fc = nn.Linear(units, classes)

    def forward(self, x):
        x = x.unsqueeze(1)  # (batch, 1, window, channels)
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        x = x.permute(0, 2, 1, 3).flatten(2)  # (batch, window, filters * channels)
        x, _ = self.lstm(x)
        return self.fc(x[:, -1, :])


orders = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
bump = torch.hann_window(7, periodic=False)


def windows(n=32, length=30):
    """Three jerks, one along each axis; the movement is the order in which they come."""
    move = torch.randint(0, 6, (n,))
    x = 0.1 * torch.randn(n, length, 3)
    for i in range(n):
        for place, axis in enumerate(orders[move[i]]):
            at = 1 + 8 * place + int(torch.randint(0, 3, ()))
            x[i, at : at + 7, axis] += 1.5 * bump
    return x, move


net = DeepConvLSTM()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss(label_smoothing=0.02)
hits = 0.0
for step in range(1, 401):
    x, move = windows()
    logits = net(x)
    loss = criterion(logits, move)
    opt.zero_grad()
    loss.backward()
    opt.step()
    hits += (logits.argmax(1) == move).float().mean().item() / 50
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} accuracy {hits:.3f}")
        hits = 0.0
