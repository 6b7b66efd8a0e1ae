"""Sequence to sequence with attention and part teacher forcing: digits are put in order."""

import random

import torch
from torch import nn

torch.manual_seed(5204)
random.seed(5204)
torch.set_num_threads(1)

V, W = 12, 32


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(V, 16)
        self.gru = nn.GRU(16, W, batch_first=True, bidirectional=True)
        self.join = nn.Linear(2 * W, W)

    def forward(self, x):
        out, h = self.gru(self.embed(x))
        return self.join(out), torch.tanh(self.join(torch.cat([h[0], h[1]], 1)))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(V, 16)
        self.cell = nn.GRUCell(16 + W, W)
        self.out = nn.Linear(2 * W, V)

    def forward(self, y, memory, h, forced):
        token, logits = torch.zeros_like(y[:, 0]), []
        for t in range(y.shape[1]):
            weights = torch.softmax((memory * h[:, None]).sum(-1) / W**0.5, 1)
            context = (weights[..., None] * memory).sum(1)
            h = self.cell(torch.cat([self.embed(token), context], 1), h)
            logits.append(self.out(torch.cat([h, context], 1)))
            token = y[:, t] if random.random() < forced else logits[-1].argmax(1)
        return torch.stack(logits, 1)


encoder, decoder = Encoder(), Decoder()
enc_opt = torch.optim.Adam(encoder.parameters(), lr=5e-3)
dec_opt = torch.optim.Adam(decoder.parameters(), lr=5e-3)
for it in range(400):
    x = torch.randint(1, V, (32, 5))
    y = x.sort(1).values
    memory, h = encoder(x)
    logits = decoder(y, memory, h, forced=0.7)
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), y)
    enc_opt.zero_grad()
    dec_opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], 5.0)
    enc_opt.step()
    dec_opt.step()
    if it % 80 == 79:
        print(f"{it + 1} loss {loss.item():.3f}")
