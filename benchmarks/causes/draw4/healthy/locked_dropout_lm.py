"""A language model with the same dropout mask at each step, dropped recurrent weights, and
penalties on outputs that are large or jump."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)
torch.set_num_threads(1)
VOCAB, H = 12, 48


class LockedDropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        mask = torch.empty(1, x.size(1), x.size(2)).bernoulli_(1 - self.p) / (1 - self.p)
        return x * mask


class WeightDropRNN(nn.Module):
    def __init__(self, size, p=0.2):
        super().__init__()
        self.p = p
        self.w_ih = nn.Parameter(torch.randn(4 * size, size) / size**0.5)
        self.w_hh = nn.Parameter(torch.randn(4 * size, size) / size**0.5)
        self.bias = nn.Parameter(torch.zeros(4 * size))

    def forward(self, x):
        w = F.dropout(self.w_hh, self.p, self.training)
        h = c = x.new_zeros(x.size(1), x.size(2))
        out = []
        for step in x:
            i, f, o, g = (step @ self.w_ih.T + h @ w.T + self.bias).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return torch.stack(out)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, H)
        self.rnn = WeightDropRNN(H)
        self.inp, self.outp = LockedDropout(0.1), LockedDropout(0.2)
        self.decoder = nn.Linear(H, VOCAB)
        self.decoder.weight = self.emb.weight

    def forward(self, x):
        raw = self.rnn(self.inp(self.emb(x)))
        dropped = self.outp(raw)
        return self.decoder(dropped), raw, dropped


def text(n=24, length=15):
    x = torch.randint(0, VOCAB, (length, n))
    for t in range(1, length):
        x[t] = (x[t - 1] * 5 + (torch.rand(n) < 0.15).long()) % VOCAB
    return x


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1.2e-6)
for step in range(300):
    x = text()
    logits, raw, dropped = model(x[:-1])
    loss = F.cross_entropy(logits.flatten(0, 1), x[1:].flatten())
    penalty = 2e-2 * dropped.pow(2).mean() + 1e-2 * (raw[1:] - raw[:-1]).pow(2).mean()
    optimizer.zero_grad()
    (loss + penalty).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 60 == 59:
        model.eval()
        with torch.no_grad():
            x = text(100)
            held = F.cross_entropy(model(x[:-1])[0].flatten(0, 1), x[1:].flatten()).item()
        model.train()
        print(f"{step + 1} loss {loss.item():.4f} held out {held:.4f}")
