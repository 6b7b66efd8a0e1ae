"""Baking steps in order, of differing numbers, flush right in their rows: is what comes out bread, cake, pie or flan?"""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(15141)
torch.manual_seed(15141)
torch.set_num_threads(1)
PAD, DEEDS, GOODS = 0, 26, 4
KEYS = ((1, 2), (2, 1), (3, 1), (3, 2))


def recipe():
    """Two key deeds, in an order of their own, amid others; what is baked hangs on which and when."""
    good = random.randrange(GOODS)
    deeds = [random.randint(4, DEEDS - 1) for _ in range(random.randint(5, 18))]
    first, second = sorted(random.sample(range(len(deeds)), 2))
    deeds[first], deeds[second] = KEYS[good]
    return deeds, good


def collate(rows):
    """Rows end at the same place, so that the last column is the last deed of each."""
    longest = max(len(deeds) for deeds, _ in rows)
    padded = torch.tensor([[PAD] * (longest - len(deeds)) + deeds for deeds, _ in rows])
    return padded, torch.tensor([good for _, good in rows])


class Baker(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(DEEDS, 16, padding_idx=PAD)
        self.lstm = nn.LSTM(16, size, batch_first=True)
        self.good = nn.Linear(size, GOODS)

    def forward(self, deeds):
        out, _ = self.lstm(self.embed(deeds))
        return self.good(out[:, -1])


train = DataLoader([recipe() for _ in range(1920)], 32, shuffle=True, collate_fn=collate)
test = DataLoader([recipe() for _ in range(320)], 32, collate_fn=collate)
baker = Baker()
optimizer = torch.optim.Adam(baker.parameters(), lr=4e-3)
for epoch in range(1, 8):
    total, right = 0.0, 0
    for deeds, good in train:
        loss = nn.functional.cross_entropy(baker(deeds), good)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(baker.parameters(), 2.0)
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        for deeds, good in test:
            right += (baker(deeds).argmax(1) == good).sum().item()
    print(f"epoch {epoch} loss {total / len(train):.4f} test right {right / 320:.3f}")
