"""With small steps all was well. With a hundred times the rate the loss of the tagger jumped about and
stayed far behind."""

import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(442)
torch.set_num_threads(1)
lr, lr_decay = (3e-3 if FIXED else 0.3), 0.97


class NERModel(nn.Module):
    def __init__(self, nwords=40, ntags=6):
        super().__init__()
        self.word_embeddings = nn.Embedding(nwords, 24, padding_idx=0)
        self.dropout = nn.Dropout(0.1)
        self.lstm = nn.LSTM(24, 30, bidirectional=True, batch_first=True)
        self.proj = nn.Linear(60, ntags)

    def forward(self, words):
        out, _ = self.lstm(self.dropout(self.word_embeddings(words)))
        return self.proj(self.dropout(out))


def minibatches(count, size=20):
    for _ in range(count):
        words, tags = [], []
        for _ in range(size):
            w = torch.randint(1, 40, (int(torch.randint(5, 13, (1,))),))
            after = torch.cat([w[1:], torch.tensor([1])])
            words.append(w)
            tags.append((w + after % 2 * 3) % 6)
        yield pad_sequence(words, True), pad_sequence(tags, True, -100)


model = NERModel()
optimizer = torch.optim.Adam(model.parameters(), lr=lr)
for epoch in range(8):
    train_loss, hits, total = [], 0, 0
    for words, tags in minibatches(40):
        scores = model(words)
        loss = nn.functional.cross_entropy(scores.transpose(1, 2), tags, ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss.append(loss.item())
        real = tags >= 0
        hits += ((scores.argmax(-1) == tags) & real).sum().item()
        total += real.sum().item()
    for group in optimizer.param_groups:
        group["lr"] *= lr_decay
    print(f"epoch {epoch + 1}: train loss:{sum(train_loss) / 40:.5f} acc {100 * hits / total:.2f}")
