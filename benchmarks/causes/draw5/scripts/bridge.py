"""The states of two encoder layers went through a bridge after a view; the rows that it mapped
joined the states of two different sentences."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5115)
torch.set_num_threads(1)

V, H, LAYERS = 14, 40, 2


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(V, 24)
        self.rnn = nn.GRU(24, H, LAYERS)
        self.total_hidden_dim = H * LAYERS
        self.bridge = nn.Linear(self.total_hidden_dim, H)

    def forward(self, src):
        _, states = self.rnn(self.embeddings(src))
        if FIXED:
            rows = states.transpose(0, 1).reshape(-1, self.total_hidden_dim)
        else:
            rows = states.view(-1, self.total_hidden_dim)
        return torch.tanh(self.bridge(rows)).expand(LAYERS, -1, -1).contiguous()


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(V, 24)
        self.rnn = nn.GRU(24, H, LAYERS)
        self.generator = nn.Linear(H, V)

    def forward(self, tgt, state):
        out, _ = self.rnn(self.embeddings(tgt), state)
        return self.generator(out)


def batch(n=32, t=5):
    src = torch.randint(2, V, (t, n))
    tgt = torch.cat([torch.ones(1, n, dtype=torch.long), src.flip(0)])
    return src, tgt[:-1], tgt[1:]


encoder, decoder = Encoder(), Decoder()
optim = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=6e-3)
for step in range(600):
    src, tgt_in, tgt_out = batch()
    scores = decoder(tgt_in, encoder(src))
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), tgt_out.flatten())
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 120 == 119:
        acc = (scores.argmax(-1) == tgt_out).float().mean().item()
        print(f"Step {step + 1}; acc: {100 * acc:6.2f}; ppl: {loss.exp().item():5.2f}")
