"""Two language models over the same text, one from each end; each foretells what comes next on
its way, and a mix of both then tags the words."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(19)
torch.set_num_threads(1)
VOCAB, H = 10, 32


class TwoWays(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, H)
        self.right = nn.LSTM(H, H, batch_first=True)
        self.left = nn.LSTM(H, H, batch_first=True)
        self.word = nn.Linear(H, VOCAB)
        self.mix = nn.Parameter(torch.zeros(2))
        self.tag = nn.Linear(H, 2)

    def forward(self, x):
        e = self.emb(x)
        return self.right(e)[0], self.left(e.flip(1))[0].flip(1)

    def language_loss(self, x):
        a, b = self(x)
        ahead = F.cross_entropy(self.word(a[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
        back = F.cross_entropy(self.word(b[:, 1:]).flatten(0, 1), x[:, :-1].flatten())
        return (ahead + back) / 2

    def tag_loss(self, x, tags):
        a, b = self(x)
        w = self.mix.softmax(0)
        return F.cross_entropy(self.tag(w[0] * a + w[1] * b).flatten(0, 1), tags.flatten())


def text(n=24):
    x = torch.randint(0, VOCAB, (n, 12))
    for t in range(1, 12):
        x[:, t] = torch.where(torch.rand(n) < 0.85, (x[:, t - 1] + 3) % VOCAB, x[:, t])
    odd = (x[:, 1:] - x[:, :-1]) % VOCAB != 3
    return x, F.pad(odd.long(), (1, 0))


model = TwoWays()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for i in range(400):
    x, tags = text()
    loss = model.language_loss(x) if i < 250 else model.tag_loss(x, tags)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if i % 50 == 49:
        print("language" if i < 250 else "tags", i + 1, f"{loss.item():.4f}")
