"""Rows of several lengths are sorted, packed, put back in order, and their filler left out."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(1174)
torch.set_num_threads(1)
WORDS, TAGS, LONGEST = 40, 5, 16
tag_of = torch.randint(0, TAGS, (WORDS,))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS + 1, 24, padding_idx=WORDS)
        self.lstm = nn.LSTM(24, 28, batch_first=True, bidirectional=True)
        self.score = nn.Linear(56, TAGS)

    def forward(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(words[order]), lengths, batch_first=True)
        out, _ = self.lstm(packed)
        out, _ = pad_packed_sequence(out, batch_first=True, total_length=LONGEST)
        return self.score(out[order.argsort()])


def batch(n=24):
    lengths = torch.randint(3, LONGEST + 1, (n,))
    real = torch.arange(LONGEST) < lengths[:, None]
    words = torch.randint(0, WORDS, (n, LONGEST))
    after = torch.cat([words[:, 1:], torch.zeros(n, 1, dtype=torch.long)], 1)
    is_last = torch.arange(LONGEST) == lengths[:, None] - 1
    after = after.masked_fill(is_last, 0)
    tags = (tag_of[words] + (after % 3 == 1)) % TAGS
    return words.masked_fill(~real, WORDS), lengths, tags, real


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 401):
    words, lengths, tags, real = batch()
    each = nn.functional.cross_entropy(
        model(words, lengths).transpose(1, 2), tags, reduction="none"
    )
    loss = (each * real).sum() / real.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step}: loss of real words {loss.item():.4f}")
