"""How tight is the thread of a loom after a run of pulls and slacks? A leaky sum with a limit."""

import sys

import torch
from torch import nn

torch.manual_seed(1740)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
LENGTH = 20


def runs(n):
    pulls = torch.randn(n, LENGTH, 2)
    tight, rows = torch.zeros(n), []
    for t in range(LENGTH):
        tight = (0.9 * tight + 0.4 * pulls[:, t, 0] + 0.2 * pulls[:, t, 1].abs()).clamp(-1.5, 1.5)
        rows.append(tight)
    return pulls, torch.stack(rows, dim=1)


class LoomNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.tight = nn.Linear(size, 1)

    def forward(self, pulls):
        return self.tight(self.lstm(pulls)[0]).squeeze(2)


def train_on_batch(model, batch, optimizer=None, lr=5e-3):
    """One step on one batch; gives the loss."""
    if optimizer is None:
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    pulls, tight = batch
    loss = nn.functional.mse_loss(model(pulls), tight)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


net = LoomNet()
kept = torch.optim.Adam(net.parameters(), lr=5e-3) if FIXED else None
for step in range(1, 401):
    value = train_on_batch(net, runs(32), kept)
    if step % 40 == 0:
        with torch.no_grad():
            pulls, tight = runs(300)
            off = (net(pulls) - tight).abs().mean().item()
        print(f"step {step} loss {value:.4f} off by {off:.4f}")
