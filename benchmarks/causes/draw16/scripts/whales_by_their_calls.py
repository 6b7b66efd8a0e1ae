"""Four whales call with glides of their own; an LSTM over short frames of sound names the whale."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(6)
torch.set_num_threads(1)
FRAMES, WIDTH, WHALES = 20, 16, 4


class Calls(Dataset):
    """A call glides up or down, slowly or fast; it starts at any pitch and phase."""

    def __init__(self, n):
        self.whale = torch.randint(0, WHALES, (n,))
        glide = torch.tensor([0.05, -0.05, 0.2, -0.2])[self.whale].view(n, 1)
        t = torch.linspace(0, 1, FRAMES * WIDTH)
        pitch = 0.5 + 0.1 * torch.rand(n, 1) + glide * t
        wave = torch.sin(pitch.cumsum(1) + 2 * math.pi * torch.rand(n, 1))
        self.sound = (wave + 0.1 * torch.randn_like(wave)).view(n, FRAMES, WIDTH)

    def __len__(self):
        return len(self.whale)

    def __getitem__(self, i):
        return self.sound[i], self.whale[i]


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Linear(WIDTH, 32)
        self.lstm = nn.LSTM(32, 48, batch_first=True)
        self.whale = nn.Linear(48, WHALES)

    def forward(self, sound):
        rows, _ = self.lstm(torch.relu(self.front(sound)))
        return self.whale(rows.mean(1))


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        self.loss_fn = nn.CrossEntropyLoss()

    def backward(self, loss):
        loss.backward()
        return nn.utils.clip_grad_norm_(self.model.parameters(), 2.0).item()

    def update(self):
        if "--fixed" in sys.argv:
            self.optimizer.step()
            self.optimizer.zero_grad()
        else:
            self.optimizer.zero_grad()
            self.optimizer.step()

    def epoch(self, loader):
        losses, norms = [], []
        for sound, whale in loader:
            loss = self.loss_fn(self.model(sound), whale)
            norms.append(self.backward(loss))
            self.update()
            losses.append(loss.item())
        return sum(losses) / len(losses), sum(norms) / len(norms)

    def right(self, loader):
        with torch.no_grad():
            hits = [(self.model(x).argmax(1) == y).float().mean() for x, y in loader]
        return torch.stack(hits).mean().item()


trainer = Trainer(Listener())
calls = DataLoader(Calls(1280), batch_size=32, shuffle=True)
others = DataLoader(Calls(320), batch_size=80)
for epoch in range(1, 13):
    loss, norm = trainer.epoch(calls)
    print(f"epoch {epoch} loss {loss:.4f} norm {norm:.3f} right {trainer.right(others):.3f}")
