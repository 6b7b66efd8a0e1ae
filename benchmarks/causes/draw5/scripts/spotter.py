"""The executor of a keyword spotter went from backward to step and on to the next batch; nothing
cleared what earlier batches had left."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5104)
torch.set_num_threads(1)


class Spotter(nn.Module):
    def __init__(self, bands=12, words=4):
        super().__init__()
        self.norm = nn.LayerNorm(bands)
        self.rnn = nn.GRU(bands, 32, num_layers=1, batch_first=True)
        self.classifier = nn.Linear(32, words)

    def forward(self, feats):
        hidden, _ = self.rnn(self.norm(feats))
        return self.classifier(hidden.mean(1))


def loader(batches, n=24, frames=20):
    centres = torch.tensor([1.0, 4.0, 7.0, 10.0])
    grid = torch.arange(12.0)
    for _ in range(batches):
        word = torch.randint(0, 4, (n,))
        t = torch.linspace(0, 1, frames)
        direction = torch.where(word % 2 == 0, 1.0, -1.0)[:, None]
        path = centres[word // 2 * 2 + 0][:, None] + direction * (t - 0.5) * 4 + 1.0
        feats = torch.exp(-((grid - path[..., None]) ** 2) / 2) + 0.35 * torch.randn(n, frames, 12)
        yield feats, word


class Executor:
    def __init__(self):
        self.step = 0

    def train(self, model, optimizer, data):
        model.train()
        total = right = 0
        for feats, target in data:
            logits = model(feats)
            loss = nn.functional.cross_entropy(logits, target)
            if FIXED:
                optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 50.0)
            optimizer.step()
            self.step += 1
            total += len(target)
            right += (logits.argmax(1) == target).sum().item()
        return right / total


model, executor = Spotter(), Executor()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8)
for epoch in range(8):
    print(f"Epoch {epoch} accuracy {executor.train(model, optimizer, loader(60)):.3f}")
