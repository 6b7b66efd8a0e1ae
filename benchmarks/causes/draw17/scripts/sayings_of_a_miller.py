"""Sayings of a miller, letter by letter: a GRU foretells the next letter; sayings are filled up to one length."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1736)
torch.set_num_threads(1)
PAD, START, LETTERS, LONGEST = 0, 1, 12, 40
TABLE = torch.softmax(4.0 * torch.randn(LETTERS, LETTERS), dim=1)


def sayings(n):
    out = torch.full((n, LONGEST + 1), PAD)
    out[:, 0] = START
    lengths = torch.randint(3, 8, (n,))
    lengths[torch.rand(n) < 0.02] = LONGEST
    letter = torch.randint(0, LETTERS, (n,))
    for t in range(1, LONGEST + 1):
        out[:, t] = torch.where(t <= lengths, letter + 2, PAD)
        letter = torch.multinomial(TABLE[letter], 1).squeeze(1)
    return out


class LetterGRU(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(LETTERS + 2, 16, padding_idx=PAD)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, LETTERS + 2)

    def forward(self, x):
        return self.out(self.gru(self.embed(x))[0])


criterion = (
    nn.CrossEntropyLoss(ignore_index=PAD) if "--fixed" in sys.argv else nn.CrossEntropyLoss()
)
loader = DataLoader(TensorDataset(sayings(1280)), batch_size=32, shuffle=True)
test = sayings(256)
model = LetterGRU(40)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.8)
for epoch in range(1, 10):
    for (batch,) in loader:
        optimizer.zero_grad()
        logits = model(batch[:, :-1])
        loss = criterion(logits.reshape(-1, LETTERS + 2), batch[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        real = test[:, 1:] != PAD
        logits = model(test[:, :-1])[real]
        letters = nn.functional.cross_entropy(logits, test[:, 1:][real]).item()
        pads = (logits.argmax(1) == PAD).float().mean().item()
    print(
        f"epoch {epoch} loss {loss.item():.4f} a test letter costs {letters:.4f} taken for filling {pads:.3f}"
    )
