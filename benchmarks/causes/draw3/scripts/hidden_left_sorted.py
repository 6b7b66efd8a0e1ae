"""A text classifier put its outputs back into the order of the batch, but not its hidden
state, from which it classified."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(2)
torch.set_num_threads(1)
VOCAB, PAD = 30, 0


def sentences(n):
    """Class: which of the four cue words (1..4) the sentence holds."""
    lengths = torch.randint(4, 16, (n,))
    label = torch.randint(0, 4, (n,))
    text = torch.randint(5, VOCAB, (n, 15))
    where = (torch.rand(n) * lengths).long()
    text[torch.arange(n), where] = label + 1
    text[torch.arange(15)[None] >= lengths[:, None]] = PAD
    return text, lengths, label


class TextRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 16, padding_idx=PAD)
        self.rnn = nn.GRU(16, 24, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(48, 4)

    def forward(self, text, lengths):
        lengths, sort_idx = torch.sort(lengths, descending=True)
        text = text[sort_idx]
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True)
        output, hidden = self.rnn(packed)
        output, _ = pad_packed_sequence(output, batch_first=True)
        unsort = torch.argsort(sort_idx)
        output = output[unsort]
        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)
        if FIXED:
            hidden = hidden[unsort]
        return self.fc(self.dropout(hidden))


model = TextRNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train = [sentences(32) for _ in range(40)]
for epoch in range(8):
    model.train()
    total = 0.0
    for text, lengths, label in train:
        optimizer.zero_grad()
        loss = criterion(model(text, lengths), label)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} train loss {total / len(train):.4f}")
