"""Translation with attention: packed sources, masked filler on both sides, and a share of the
decoder's own words as its input that grows over time."""

import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

random.seed(6202)
torch.manual_seed(6202)
torch.set_num_threads(1)

PAD, SOS, WORDS = 0, 1, 14


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24, padding_idx=PAD)
        self.rnn = nn.GRU(24, 32, batch_first=True)

    def forward(self, src, lengths):
        packed = pack_padded_sequence(
            self.embed(src), lengths, batch_first=True, enforce_sorted=False
        )
        out, h = self.rnn(packed)
        out, _ = pad_packed_sequence(out, batch_first=True, total_length=src.shape[1])
        return out, h[0]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24, padding_idx=PAD)
        self.cell = nn.GRUCell(24 + 32, 32)
        self.match = nn.Linear(32, 32, bias=False)
        self.out = nn.Linear(64, WORDS)

    def forward(self, word, h, memory, filler):
        score = torch.bmm(memory, self.match(h)[..., None])[..., 0]
        weights = score.masked_fill(filler, -1e9).softmax(1)
        context = torch.bmm(weights[:, None], memory)[:, 0]
        h = self.cell(torch.cat([self.embed(word), context], 1), h)
        return self.out(torch.cat([h, context], 1)), h


code = torch.randperm(WORDS - 2) + 2


def batch(n=32, longest=6):
    lengths = torch.randint(3, longest + 1, (n,))
    src = torch.randint(2, WORDS, (n, longest))
    filler = torch.arange(longest) >= lengths[:, None]
    return src.masked_fill(filler, PAD), lengths, code[src - 2].masked_fill(filler, PAD)


enc, dec = Encoder(), Decoder()
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=6e-3)
for it in range(350):
    src, lengths, tgt = batch()
    memory, h = enc(src, lengths)
    word, logits = torch.full((32,), SOS), []
    for t in range(tgt.shape[1]):
        out, h = dec(word, h, memory, src == PAD)
        logits.append(out)
        own = random.random() < it / 1000
        word = out.argmax(1) if own else tgt[:, t]
    logits = torch.stack(logits, 1)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tgt.flatten(), ignore_index=PAD)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 70 == 69:
        right = (logits.argmax(-1) == tgt)[tgt != PAD].float().mean().item()
        print(f"{it + 1} loss {loss.item():.3f} right {right:.3f}")
