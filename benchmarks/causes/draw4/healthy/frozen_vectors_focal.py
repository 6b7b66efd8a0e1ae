"""Word vectors from elsewhere stay as they are, and a focal loss cares for the rare class."""

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

torch.manual_seed(8)
torch.set_num_threads(1)
vectors = torch.randn(50, 20)
vectors[0] = 0.0
vectors[1:6] += 2.0 * torch.randn(1, 20)


class Alarm(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding.from_pretrained(vectors, freeze=True, padding_idx=0)
        self.lstm = nn.LSTM(20, 24, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(48, 1)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.emb(words), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.lstm(packed)
        return self.out(self.drop(torch.cat([h[0], h[1]], 1))).squeeze(1)


def messages(n=48):
    rows, labels = [], []
    for _ in range(n):
        length = int(torch.randint(4, 12, (1,)))
        words = torch.randint(6, 50, (length,))
        bad = bool(torch.rand(1) < 0.12)
        if bad:
            words[torch.randperm(length)[:2]] = torch.randint(1, 6, (2,))
        rows.append(words)
        labels.append(float(bad))
    return pad_sequence(rows, True), torch.tensor([len(r) for r in rows]), torch.tensor(labels)


def focal(scores, y, gamma=2.0, alpha=0.75):
    plain = nn.functional.binary_cross_entropy_with_logits(scores, y, reduction="none")
    right = torch.exp(-plain)
    weight = alpha * y + (1 - alpha) * (1 - y)
    return (weight * (1 - right) ** gamma * plain).mean()


model = Alarm()
optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=3e-3)
for step in range(240):
    words, lengths, y = messages()
    scores = model(words, lengths)
    loss = focal(scores, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 48 == 47:
        model.eval()
        with torch.no_grad():
            words, lengths, y = messages(300)
            found = (model(words, lengths) > 0).float()
        model.train()
        recall = (found * y).sum() / y.sum()
        print(f"{step + 1} loss {loss.item():.4f} recall {recall:.2f} alarms {found.mean():.2f}")
