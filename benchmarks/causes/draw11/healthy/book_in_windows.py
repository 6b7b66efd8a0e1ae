"""A long book is read in windows; the state is carried on within a row and its past cut off."""

import torch
from torch import nn

torch.manual_seed(1171)
torch.set_num_threads(1)
CHARS, ROWS, WINDOW, WINDOWS = 12, 16, 20, 90


class CharModel(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.size = size
        self.table = nn.Embedding(CHARS, size)
        self.gru = nn.GRU(size, size, num_layers=2, batch_first=True)
        self.next = nn.Linear(size, CHARS)

    def begin(self, rows):
        return torch.zeros(2, rows, self.size)

    def forward(self, chars, hidden):
        out, hidden = self.gru(self.table(chars), hidden)
        return self.next(out), hidden


def repackage_hidden(hidden):
    return hidden.detach()


# each row repeats a theme of its own, with few misprints
theme = torch.randint(0, CHARS, (ROWS, 7))
book = theme.repeat(1, WINDOW * WINDOWS // 7 + 2)[:, : WINDOW * WINDOWS + 1].clone()
misprint = torch.rand(book.shape) < 0.03
book[misprint] = torch.randint(0, CHARS, (int(misprint.sum()),))

model = CharModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(4):
    hidden = model.begin(ROWS)
    total = 0.0
    for i in range(0, WINDOW * WINDOWS, WINDOW):
        data, targets = book[:, i : i + WINDOW], book[:, i + 1 : i + WINDOW + 1]
        hidden = repackage_hidden(hidden)
        model.zero_grad()
        output, hidden = model(data, hidden)
        loss = nn.functional.cross_entropy(output.reshape(-1, CHARS), targets.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch + 1} loss {total / WINDOWS:.4f}")
