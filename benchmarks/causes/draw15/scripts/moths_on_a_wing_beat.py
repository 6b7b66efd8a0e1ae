"""Kinds of moths by the beat of their wings; training goes on from a checkpoint, as on a cluster."""

import copy
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1514)
torch.set_num_threads(1)
FRAMES, KINDS = 24, 5


def beats(n):
    kind = torch.randint(0, KINDS, (n,))
    pace = 0.5 + 0.35 * kind.float().unsqueeze(1) + 0.03 * torch.randn(n, 1)
    t = torch.arange(FRAMES).float()
    phase = torch.rand(n, 1) * 6.28
    wing = torch.stack([torch.sin(pace * t + phase), torch.sin(2 * pace * t + phase)], -1)
    return TensorDataset(wing + 0.3 * torch.randn(n, FRAMES, 2), kind)


class MothNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.conv = nn.Conv1d(2, 16, 3, padding=1)
        self.lstm = nn.LSTM(16, size, batch_first=True)
        self.out = nn.Linear(size, KINDS)

    def forward(self, wing):
        seen = torch.relu(self.conv(wing.transpose(1, 2))).transpose(1, 2)
        states, _ = self.lstm(seen)
        return self.out(states.mean(1))


class Recogniser:
    def __init__(self, lr=3e-3):
        self.network = MothNet()
        self.lr = lr
        self.optimizer_params = {"params": self.network.parameters(), "lr": lr}
        self.optimizer = None

    def save(self):
        return copy.deepcopy({"network": self.network, "lr": self.lr})

    @classmethod
    def load(cls, checkpoint):
        recogniser = cls(checkpoint["lr"])
        recogniser.network = checkpoint["network"]
        if "--fixed" in sys.argv:
            recogniser.optimizer_params["params"] = recogniser.network.parameters()
        return recogniser

    def fit(self, loader, epochs):
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(**self.optimizer_params)
        for epoch in range(epochs):
            total = 0.0
            for wing, kind in loader:
                self.network.zero_grad()
                loss = nn.functional.cross_entropy(self.network(wing), kind)
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            print(f"epoch {epoch} loss {total / len(loader):.4f} right {self.right(test):.3f}")

    @torch.no_grad()
    def right(self, data):
        wing, kind = data.tensors
        return (self.network(wing).argmax(-1) == kind).float().mean().item()


train, test = beats(1280), beats(400)
loader = DataLoader(train, batch_size=32, shuffle=True)
first = Recogniser()
checkpoint = first.save()
print("loaded, goes on")
second = Recogniser.load(checkpoint)
second.fit(loader, 10)
