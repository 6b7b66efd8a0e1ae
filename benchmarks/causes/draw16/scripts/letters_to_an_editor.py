"""Is a letter to the editor praise, blame, a question or an offer? Word by word, through an LSTM."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(46)
torch.set_num_threads(1)
WORDS, LENGTH, KINDS = 60, 14, 4


def letters(n):
    """Each kind of letter has six words of its own; four of them stand among common ones."""
    kind = torch.randint(0, KINDS, (n,))
    words = torch.randint(KINDS * 6, WORDS, (n, LENGTH))
    places = torch.rand(n, LENGTH).argsort(1)[:, :4]
    own = kind.unsqueeze(1) * 6 + torch.randint(0, 6, (n, 4))
    return TensorDataset(words.scatter(1, places, own), kind)


class SequenceClassifier(nn.Module):
    def __init__(self, emb=24, size=32):
        super().__init__()
        self.emb = nn.Embedding(WORDS, emb)
        self.lstm = nn.LSTM(emb, size, batch_first=True)
        self.out = nn.Linear(size, KINDS)

    def forward(self, words):
        rows, _ = self.lstm(self.emb(words))
        return self.out(rows.amax(1))


def fit(model, train, test, epochs=10, lr=3e-3, weight_decay=1e-5):
    opt = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    for epoch in range(1, epochs + 1):
        total = 0.0
        for words, kind in train:
            opt.zero_grad()
            loss = F.cross_entropy(model(words), kind)
            loss.backward()
            opt.step()
            total += loss.item()
        with torch.no_grad():
            right = [(model(words).argmax(1) == kind).float().mean() for words, kind in test]
        right = torch.stack(right).mean().item()
        print(f"epoch {epoch} loss {total / len(train):.4f} right {right:.3f}")


train = DataLoader(letters(1120), batch_size=32, shuffle=True)
test = DataLoader(letters(320), batch_size=80)
fit(SequenceClassifier(), train, test, weight_decay=1e-5 if "--fixed" in sys.argv else 0.1)
