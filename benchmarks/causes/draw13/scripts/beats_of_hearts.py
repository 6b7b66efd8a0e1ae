"""Traces of heart beats are told apart (regular, early beat, missing beat) by convolution and LSTM."""

import sys

import torch
from torch import nn

torch.manual_seed(1330)
torch.set_num_threads(1)

config = {"channels": 16, "hidden": 32, "keep_prob": 0.97, "lr": 3e-3, "steps": 500}


class BeatNet(nn.Module):
    def __init__(self, channels, hidden, keep_prob):
        super().__init__()
        p = 1 - keep_prob if "--fixed" in sys.argv else keep_prob
        self.conv = nn.Conv1d(1, channels, 7, stride=2, padding=3)
        self.drop = nn.Dropout(p)
        self.lstm = nn.LSTM(channels, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(p), nn.Linear(hidden, 3))

    def forward(self, trace):
        features = torch.relu(self.conv(trace[:, None])).transpose(1, 2)
        out, _ = self.lstm(self.drop(features))
        return self.head(out.mean(1))


def traces(n, length=64):
    kind = torch.randint(0, 3, (n,))
    t = torch.arange(length).float()
    beats = 6 + 12.0 * torch.arange(5) + 4 * torch.rand(n, 1)
    beats[:, 2] -= torch.where(kind == 1, 5.0, 0.0)
    height = torch.ones(n, 5)
    height[kind == 2, 2] = 0.0
    spikes = height[:, :, None] * torch.exp(-0.5 * (t - beats[:, :, None]) ** 2)
    return 2 * spikes.sum(1) + 0.15 * torch.randn(n, length), kind


def main():
    model = BeatNet(config["channels"], config["hidden"], config["keep_prob"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"])
    trace_val, kind_val = traces(400)
    for step in range(1, config["steps"] + 1):
        model.train()
        trace, kind = traces(32)
        loss = nn.functional.cross_entropy(model(trace), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            model.eval()
            with torch.no_grad():
                acc = (model(trace_val).argmax(1) == kind_val).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} val acc {acc:.3f}")


main()
