"""Endings of made-up words follow the last vowel of the stem: letter by letter, say which ending is due."""

import sys

import torch
from torch import nn

torch.manual_seed(1553)
torch.set_num_threads(1)
LETTERS = "aouäöübdgklmnrst"
GROUP = {"a": 0, "o": 1, "u": 1, "ä": 2, "ö": 3, "ü": 3}
LENGTH = 18
VOWELS = torch.tensor([GROUP.get(letter, -1) for letter in LETTERS])


def stems(n):
    """A word opens with a vowel; one letter in three is one."""
    vowel = torch.rand(n, LENGTH) < 0.33
    vowel[:, 0] = True
    letters = torch.where(
        vowel, torch.randint(0, 6, (n, LENGTH)), torch.randint(6, len(LETTERS), (n, LENGTH))
    )
    endings = torch.empty(n, LENGTH, dtype=torch.long)
    current = VOWELS[letters[:, 0]]
    for t in range(LENGTH):
        group = VOWELS[letters[:, t]]
        current = torch.where(group >= 0, group, current)
        endings[:, t] = current
    return letters, endings


class EndingTagger(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), 24)
        self.rnn = nn.RNN(24, size, num_layers=2, batch_first=True)
        self.out = nn.Linear(size, 4)

    def forward(self, letters):
        hidden, _ = self.rnn(self.embed(letters))
        return self.out(hidden)


def init_weights(model):
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.size()))


def main():
    model = EndingTagger()
    if "--fixed" not in sys.argv:
        init_weights(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    test_letters, test_endings = stems(200)
    for step in range(1, 501):
        letters, endings = stems(32)
        scores = model(letters)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), endings.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                right = (model(test_letters).argmax(-1) == test_endings).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} right {right:.3f}")


if __name__ == "__main__":
    main()
