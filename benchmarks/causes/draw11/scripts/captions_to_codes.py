"""Short captions are translated to codes; index 0 fills rows up to the length of the longest."""

import sys

import torch
from torch import nn

torch.manual_seed(1137)
torch.set_num_threads(1)
WORDS, CODES, MAX_LEN, PAD = 20, 20, 36, 0
table = torch.randperm(WORDS - 1) + 1


class Captions(nn.Module):
    def __init__(self, dim=40, ignore_index=PAD):
        super().__init__()
        self.ignore_index = ignore_index
        self.text_emb = nn.Embedding(WORDS, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.to_logits = nn.Linear(dim, CODES)

    def forward(self, text, codes=None):
        logits = self.to_logits(self.rnn(self.text_emb(text))[0])
        if codes is None:
            return logits
        if "--fixed" in sys.argv:
            loss_fn = nn.CrossEntropyLoss(ignore_index=self.ignore_index)
        else:
            loss_fn = nn.CrossEntropyLoss()
        return loss_fn(logits.transpose(1, 2), codes)


def batch(n=24):
    length = torch.randint(2, 6, (n, 1))
    text = torch.randint(1, WORDS, (n, MAX_LEN))
    last = torch.cat([torch.ones(n, 1, dtype=torch.long), text[:, :-1]], 1)
    codes = table[(text + last) % (WORDS - 1)]
    keep = torch.arange(MAX_LEN) < length
    return text * keep, codes * keep


model = Captions()
opt = torch.optim.SGD(model.parameters(), lr=0.4, momentum=0.9)
for i in range(420):
    text, codes = batch()
    loss = model(text, codes)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if i % 100 == 99:
        text, codes = batch(200)
        with torch.no_grad():
            hit = model(text).argmax(-1) == codes
        print(f"{i + 1} loss {loss.item():.4f} right codes {hit[codes != PAD].float().mean():.3f}")
