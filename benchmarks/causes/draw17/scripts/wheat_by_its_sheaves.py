"""Words of a threshers' song are put into their parts of speech by an LSTM tagger that sees both ways."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1731)
torch.set_num_threads(1)
WORDS, TAGS, LENGTH = 80, 7, 16
HOME = torch.randint(0, TAGS, (WORDS,))


def verses(n):
    """A word has a tag of its own, save that some change theirs after a word of tag 0 or before one of tag 3."""
    words = torch.randint(0, WORDS, (n, LENGTH))
    home = HOME[words]
    tags = home.clone()
    odd = words % 2 == 1
    after = torch.zeros_like(odd)
    after[:, 1:] = home[:, :-1] == 0
    before = torch.zeros_like(odd)
    before[:, :-1] = home[:, 1:] == 3
    tags = torch.where(odd & after, (home + 2) % TAGS, tags)
    tags = torch.where(odd & before, (home + 4) % TAGS, tags)
    return words, tags


class Tagger(nn.Module):
    def __init__(self, embedding=32, hidden=32):
        super().__init__()
        self.embed = nn.Embedding(WORDS, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.1)
        self.hidden2tag = nn.Linear(2 * hidden, TAGS)

    def forward(self, words):
        out, _ = self.lstm(self.drop(self.embed(words)))
        return self.hidden2tag(self.drop(out))


def main():
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    gamma = 0.999 if "--fixed" in sys.argv else 0.001
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=25, gamma=gamma)
    test_words, test_tags = verses(300)
    for step in range(1, 501):
        model.train()
        words, tags = verses(32)
        loss = F.cross_entropy(model(words).flatten(0, 1), tags.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 50 == 0:
            model.eval()
            with torch.no_grad():
                right = (model(test_words).argmax(-1) == test_tags).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} tags right {right:.3f}")


if __name__ == "__main__":
    main()
