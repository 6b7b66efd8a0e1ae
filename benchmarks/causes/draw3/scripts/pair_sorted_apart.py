"""Source and translation were each sorted by their own length, so that row i of the one was no
longer row i of the other."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(3)
torch.set_num_threads(1)


class Pairs(Dataset):
    """A translation repeats the first word of its source, or another one; score 1 or 0."""

    def __init__(self, n=800):
        self.items = []
        for _ in range(n):
            src = torch.randint(6, 20, (int(torch.randint(3, 10, (1,))),))
            mt = torch.randint(6, 20, (int(torch.randint(3, 10, (1,))),))
            src[0] = torch.randint(0, 6, (1,))
            good = torch.rand(1) < 0.5
            mt[0] = src[0] if good else (src[0] + torch.randint(1, 6, (1,))) % 6
            self.items.append((src, mt, good.float()))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    src, mt, score = zip(*batch)
    src_len = torch.tensor([len(s) for s in src])
    mt_len = torch.tensor([len(m) for m in mt])
    by_src = src_len.argsort(descending=True)
    by_mt = mt_len.argsort(descending=True)
    return (
        [src[i] for i in by_src],
        [mt[i] for i in by_mt],
        by_src.argsort(),
        by_mt.argsort(),
        torch.cat(score),
    )


class Matcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.left = nn.GRU(16, 24)
        self.right = nn.GRU(16, 24)
        self.out = nn.Sequential(nn.Linear(96, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, src, mt, src_back, mt_back):
        a = self.left(pack_sequence([self.embed(s) for s in src]))[1][-1]
        b = self.right(pack_sequence([self.embed(m) for m in mt]))[1][-1]
        if FIXED:
            a, b = a[src_back], b[mt_back]
        return self.out(torch.cat([a, b, a * b, (a - b).abs()], 1)).squeeze(1)


model = Matcher()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
loader = DataLoader(Pairs(), batch_size=32, shuffle=True, collate_fn=collate)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(14):
    seen = 0.0
    for src, mt, src_back, mt_back, score in loader:
        loss = criterion(model(src, mt, src_back, mt_back), score)
        opt.zero_grad()
        loss.backward()
        opt.step()
        seen += loss.item()
    print(f"epoch {epoch}: {seen / len(loader):.3f}")
