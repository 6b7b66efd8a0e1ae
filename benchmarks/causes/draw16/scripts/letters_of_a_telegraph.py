"""The next letter of telegrams made of some forty words: an LSTM of letters, trained by gradient descent with momentum."""

import sys

import torch
from torch import nn

torch.manual_seed(1627)
torch.set_num_threads(1)
LETTERS, LENGTH = 20, 32
CLIP = 2.0 if "--fixed" in sys.argv else 0.01


def lexicon(words=40):
    return [
        torch.randint(1, LETTERS, (int(torch.randint(3, 7, (1,))),)).tolist() for _ in range(words)
    ]


def telegrams(n, words):
    """Words drawn with even chances, with a blank (0) behind each."""
    rows = []
    for _ in range(n):
        row = []
        while len(row) <= LENGTH:
            row += words[int(torch.randint(0, len(words), (1,)))] + [0]
        rows.append(row[: LENGTH + 1])
    return torch.tensor(rows)


class LetterModel(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, 24)
        self.lstm = nn.LSTM(24, size, batch_first=True)
        self.out = nn.Linear(size, LETTERS)

    def forward(self, letters):
        hidden, _ = self.lstm(self.embed(letters))
        return self.out(hidden)


class Trainer:
    def __init__(self, model, max_norm):
        self.model, self.max_norm = model, max_norm
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)

    def step(self, rows):
        logits = self.model(rows[:, :-1])
        loss = self.criterion(logits.flatten(0, 1), rows[:, 1:].flatten())
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.optimizer.step()
        return loss.item(), norm.item()


words = lexicon()
trainer = Trainer(LetterModel(), CLIP)
for step in range(1, 501):
    loss, norm = trainer.step(telegrams(24, words))
    if step % 50 == 0:
        print(f"step {step} loss {loss:.4f} gradient norm {norm:.3f}")
