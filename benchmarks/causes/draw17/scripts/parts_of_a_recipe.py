"""Words of a recipe as amount, thing, deed or other: bidirectional LSTM with a chain of tags above it."""

import sys

import torch
from torch import nn

torch.manual_seed(1742)
torch.set_num_threads(1)
WORDS, TAGS, LENGTH = 24, 4, 7


def recipes(n):
    words = torch.randint(0, WORDS, (n, LENGTH))
    tags = words % 3
    after_amount = torch.cat([torch.zeros(n, 1, dtype=torch.bool), tags[:, :-1] == 0], dim=1)
    return words, torch.where(after_amount & (tags == 1), 3, tags)


class Chain(nn.Module):
    """Scores of a row of tags, with the log-likelihood of the right row and the best row."""

    def __init__(self, tags):
        super().__init__()
        self.start = nn.Parameter(0.1 * torch.randn(tags))
        self.step = nn.Parameter(0.1 * torch.randn(tags, tags))

    def forward(self, emissions, tags):
        at = emissions.gather(2, tags.unsqueeze(2)).squeeze(2).sum(1)
        score = at + self.start[tags[:, 0]] + self.step[tags[:, :-1], tags[:, 1:]].sum(1)
        alpha = self.start + emissions[:, 0]
        for t in range(1, emissions.size(1)):
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.step, dim=1) + emissions[:, t]
        return (score - torch.logsumexp(alpha, dim=1)).mean()

    def decode(self, emissions):
        best, back = self.start + emissions[:, 0], []
        for t in range(1, emissions.size(1)):
            best, where = (best.unsqueeze(2) + self.step).max(1)
            best = best + emissions[:, t]
            back.append(where)
        path = [best.argmax(1)]
        for where in reversed(back):
            path.append(where.gather(1, path[-1].unsqueeze(1)).squeeze(1))
        return torch.stack(path[::-1], dim=1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16)
        self.lstm = nn.LSTM(16, 16, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(32, TAGS)
        self.crf = Chain(TAGS)

    def emissions(self, words):
        return self.fc(self.lstm(self.embed(words))[0])


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
test_words, test_tags = recipes(200)
for step in range(1, 301):
    words, tags = recipes(24)
    optimizer.zero_grad()
    loss = model.crf(model.emissions(words), tags)
    if "--fixed" in sys.argv:
        loss = -loss
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            right = (
                (model.crf.decode(model.emissions(test_words)) == test_tags).float().mean().item()
            )
        print(f"step {step} loss {loss.item():.4f} test tags right {right:.3f}")
