"""Sentences are sorted for packing and put back; what is fill does not count in the loss."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(10104)
torch.set_num_threads(1)
WORDS, TAGS = 24, 4


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, 24, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(48, TAGS)

    def forward(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order))
        packed = pack_padded_sequence(self.embed(words[order]), lengths, batch_first=True)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.tag(out[back])


def batch(n=24):
    lengths = torch.randint(3, 15, (n,))
    real = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    words = torch.randint(1, WORDS, real.shape) * real
    after = torch.cat([words[:, 1:], torch.zeros(n, 1, dtype=torch.long)], 1)
    return words, lengths, (words % 2) * 2 + after % 2, real


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(360):
    words, lengths, tags, real = batch()
    each = nn.functional.cross_entropy(
        model(words, lengths).transpose(1, 2), tags, reduction="none"
    )
    loss = (each * real).sum() / real.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 90 == 89:
        print(f"{step + 1}: {loss.item():.4f}")
