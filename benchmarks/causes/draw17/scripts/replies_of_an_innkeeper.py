"""An innkeeper answers what is asked: a small encoder and decoder with attention, fed by a generator of batches."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1739)
torch.set_num_threads(1)
WORDS, ASKED, START, BATCH = 16, 6, 16, 32
ANSWER = torch.randperm(WORDS)


def talks(n):
    """The answer goes back through the question, and has a word of its own for each word."""
    asked = torch.randint(0, WORDS, (n, ASKED))
    return asked, ANSWER[asked.flip(1)]


def batch_gen(x, y, batch_size):
    while True:
        for i in range(0, len(x), batch_size):
            yield x[i : i + batch_size], y[i : i + batch_size]


class Innkeeper(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.ask = nn.Embedding(WORDS, 24)
        self.say = nn.Embedding(WORDS + 1, 24)
        self.encoder = nn.GRU(24, size, batch_first=True)
        self.decoder = nn.GRU(24, size, batch_first=True)
        self.query = nn.Linear(size, size)
        self.out = nn.Linear(2 * size, WORDS)

    def forward(self, asked, said):
        keys, state = self.encoder(self.ask(asked))
        start = torch.full_like(said[:, :1], START)
        rows, _ = self.decoder(self.say(torch.cat([start, said[:, :-1]], dim=1)), state)
        weight = torch.softmax(
            self.query(rows) @ keys.transpose(1, 2) / keys.size(2) ** 0.5, dim=-1
        )
        return self.out(torch.cat([rows, weight @ keys], dim=-1))


def loss_of(model, asked, said):
    return F.cross_entropy(model(asked, said).flatten(0, 1), said.flatten())


def main():
    train, valid = talks(3200), talks(320)
    model = Innkeeper()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    batches = batch_gen(*train, BATCH)
    for step in range(1, 601):
        if "--fixed" in sys.argv:
            asked, said = next(batches)
        else:
            asked, said = next(batch_gen(*train, BATCH))
        loss = loss_of(model, asked, said)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 60 == 0:
            with torch.no_grad():
                val = loss_of(model, *valid).item()
                right = (model(*valid).argmax(-1) == valid[1]).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} valid {val:.4f} words right {right:.3f}")


if __name__ == "__main__":
    main()
