"""Songs of birds: which of five species sings? The runner prepares its model before each epoch."""

import sys

import torch
from torch import nn

torch.manual_seed(1241)
torch.set_num_threads(1)


class BirdNet(nn.Module):
    def __init__(self, species=5, size=32):
        super().__init__()
        self.conv = nn.Conv1d(6, size, 3, stride=2)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(size, species)

    def init_weights(self):
        for name, p in self.named_parameters():
            if p.dim() > 1:
                init = nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_
                init(p)
            else:
                nn.init.zeros_(p)

    def forward(self, song):
        h = torch.relu(self.conv(song.transpose(1, 2))).transpose(1, 2)
        return self.out(self.gru(h)[0][:, -1])


class Runner:
    def __init__(self, model, lr=2e-3):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.prepared = False

    def prepare(self):
        if self.prepared and "--fixed" in sys.argv:
            return
        self.model.train()
        self.model.init_weights()
        self.prepared = True

    def run_epoch(self, batches):
        self.prepare()
        losses, right = [], []
        for song, species in batches:
            logits = self.model(song)
            loss = nn.functional.cross_entropy(logits, species)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            right.append((logits.argmax(1) == species).float().mean().item())
        return losses[0], losses[-1], sum(right) / len(right)


themes = torch.randn(5, 10, 6)


def songs(n=32, length=31):
    """The theme of a species is sung once, somewhere in the noise."""
    species = torch.randint(0, 5, (n,))
    song = 0.7 * torch.randn(n, length, 6)
    for row, kind in enumerate(species):
        at = int(torch.randint(0, length - 10, ()))
        song[row, at : at + 10] += themes[kind]
    return song, species


runner = Runner(BirdNet())
for epoch in range(1, 31):
    first, last, acc = runner.run_epoch(songs() for _ in range(20))
    if epoch % 3 == 0:
        print(f"epoch {epoch:2d} first loss {first:.3f} last loss {last:.3f} acc {acc:.3f}")
