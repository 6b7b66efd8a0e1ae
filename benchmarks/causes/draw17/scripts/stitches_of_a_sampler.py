"""Which stitch comes next in a band of a sampler? Each band repeats a motif with an odd slip."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1704)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
STITCHES, LENGTH = 8, 24


class Bands(Dataset):
    def __init__(self, n):
        period = torch.randint(2, 5, (n, 1))
        motif = torch.randint(0, STITCHES, (n, 4))
        place = torch.arange(LENGTH + 1).expand(n, -1) % period
        self.rows = motif.gather(1, place)
        slips = torch.rand(n, LENGTH + 1) < 0.02
        self.rows = torch.where(slips, torch.randint(0, STITCHES, self.rows.shape), self.rows)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i, :-1], self.rows[i, 1:]


class StitchNet(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(STITCHES, 16)
        self.lstm = nn.LSTM(16, size, batch_first=True)
        self.out = nn.Linear(size, STITCHES)

    def forward(self, rows):
        return self.out(self.lstm(self.embed(rows))[0])


class Runner:
    """Trains a kind of net one or more times, from new weights each time."""

    def __init__(self, make_net, lr):
        self.make_net = make_net
        self.lr = lr
        self.net = make_net()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=lr)

    def fit(self, loader, held_out, epochs):
        self.net = self.make_net()
        if FIXED:
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=self.lr)
        for epoch in range(1, epochs + 1):
            self.net.train()
            total = 0.0
            for rows, following in loader:
                logits = self.net(rows)
                loss = nn.functional.cross_entropy(logits.flatten(0, 1), following.flatten())
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            if epoch % 4 == 0:
                mean = total / len(loader)
                print(f"epoch {epoch} loss {mean:.4f} right {self.score(held_out):.3f}")

    @torch.no_grad()
    def score(self, bands):
        self.net.eval()
        guess = self.net(bands.rows[:, :-1]).argmax(2)
        return (guess == bands.rows[:, 1:])[:, 8:].float().mean().item()


runner = Runner(StitchNet, lr=5e-3)
runner.fit(DataLoader(Bands(640), batch_size=32, shuffle=True), Bands(200), epochs=24)
