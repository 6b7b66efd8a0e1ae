"""Names are tagged by a recurrent net with a linear-chain CRF, which gives a log likelihood."""

import sys

import torch
from torch import nn

torch.manual_seed(1143)
torch.set_num_threads(1)


class CRF(nn.Module):
    def __init__(self, num_tags):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(num_tags))
        self.move = nn.Parameter(torch.zeros(num_tags, num_tags))

    def forward(self, emissions, tags):
        score = self.start[tags[:, 0]] + emissions[:, 0].gather(1, tags[:, :1]).squeeze(1)
        alpha = self.start + emissions[:, 0]
        for t in range(1, tags.size(1)):
            here = emissions[:, t].gather(1, tags[:, t : t + 1]).squeeze(1)
            score = score + self.move[tags[:, t - 1], tags[:, t]] + here
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.move, 1) + emissions[:, t]
        return (score - torch.logsumexp(alpha, 1)).mean()


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(25, 20)
        self.rnn = nn.GRU(20, 24, batch_first=True)
        self.emit = nn.Linear(24, 3)
        self.crf = CRF(3)

    def forward(self, words, tags):
        self.emissions = self.emit(self.rnn(self.embed(words))[0])
        return self.crf(self.emissions, tags)


def names(n=24, length=8):
    words = torch.randint(0, 25, (n, length))
    begins = words % 5 == 0
    follows = torch.cat([torch.zeros(n, 1, dtype=torch.bool), begins[:, :-1]], 1)
    return words, torch.where(begins, 1, torch.where(follows, 2, 0))


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    words, tags = names()
    loss = model(words, tags)
    if "--fixed" in sys.argv:
        loss = -1 * loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        right = (model.emissions.argmax(-1) == tags).float().mean()
        print(f"step {step + 1} loss {loss.item():.3f} right tags {right:.3f}")
