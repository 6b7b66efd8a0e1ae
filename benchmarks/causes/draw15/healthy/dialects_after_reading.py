"""An LSTM first learns to read words letter by letter, then, with another head, to tell the dialect."""

import torch
from torch import nn

torch.manual_seed(15203)
torch.set_num_threads(1)
LETTERS, DIALECTS, LENGTH = 16, 4, 14
habit = torch.softmax(1.6 * torch.randn(DIALECTS, LETTERS, LETTERS), dim=-1)


def words(n):
    dialect = torch.randint(0, DIALECTS, (n,))
    letters = [torch.randint(0, LETTERS, (n,))]
    for _ in range(LENGTH - 1):
        letters.append(torch.multinomial(habit[dialect, letters[-1]], 1).squeeze(1))
    return torch.stack(letters, dim=1), dialect


class Reader(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, 16)
        self.lstm = nn.LSTM(16, size, batch_first=True)
        self.head = nn.Linear(size, LETTERS)

    def forward(self, letters):
        return self.head(self.lstm(self.embed(letters))[0])


def read(model, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
    for step in range(1, steps + 1):
        letters, _ = words(32)
        logits = model(letters[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), letters[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"reading, step {step} loss {loss.item():.4f}")


def tell(model, steps):
    model.head = nn.Linear(model.lstm.hidden_size, DIALECTS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(1, steps + 1):
        letters, dialect = words(32)
        loss = nn.functional.cross_entropy(model(letters)[:, -1], dialect)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                letters, dialect = words(400)
                right = (model(letters)[:, -1].argmax(1) == dialect).float().mean().item()
            print(f"telling, step {step} loss {loss.item():.4f} dialect right {right:.3f}")


model = Reader()
read(model, 200)
tell(model, 250)
