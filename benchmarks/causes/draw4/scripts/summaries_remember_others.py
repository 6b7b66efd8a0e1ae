"""The encoder's state was made once per epoch and handed on from batch to batch, though each
batch holds other documents."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(441)
torch.set_num_threads(1)
BATCH, VOCAB, SOS = 20, 14, 0


class Encoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(VOCAB, hidden)
        self.rnn = nn.GRU(hidden, hidden)

    def init_hidden(self):
        return torch.zeros(1, BATCH, self.hidden)

    def forward(self, x, h):
        return self.rnn(self.embedding(x), h)


class Decoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, hidden)
        self.rnn = nn.GRU(hidden, hidden)
        self.out = nn.Linear(hidden, VOCAB)

    def forward(self, y, h):
        out, _ = self.rnn(self.embedding(y), h)
        return self.out(out)


def documents(n=70):
    """The summary is how often each of three words stood in it; words come time first."""
    for _ in range(n):
        x = torch.randint(1, 4, (6, BATCH))
        counts = torch.stack([(x == k).sum(0) for k in (1, 2, 3)]) + 5
        yield x, counts


encoder, decoder = Encoder(48), Decoder(48)
enc_opt = torch.optim.Adam(encoder.parameters(), lr=2e-3)
dec_opt = torch.optim.Adam(decoder.parameters(), lr=2e-3)
for epoch in range(6):
    h = encoder.init_hidden()
    losses, right = [], []
    for x, summary in documents():
        if FIXED:
            h = encoder.init_hidden()
        _, h = encoder(x, h.detach())
        begin = torch.full((1, BATCH), SOS)
        logits = decoder(torch.cat([begin, summary[:-1]]), h)
        loss = F.cross_entropy(logits.flatten(0, 1), summary.flatten())
        enc_opt.zero_grad()
        dec_opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        enc_opt.step()
        dec_opt.step()
        losses.append(loss.item())
        right.append((logits.argmax(-1) == summary).float().mean().item())
    print(f"epoch {epoch}: loss {sum(losses) / 70:.4f}, words right {sum(right) / 70:.3f}")
