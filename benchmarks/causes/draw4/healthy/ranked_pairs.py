"""Recommendations by session: the thing that was bought has to stand before things drawn at
random (BPR)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(17)
torch.set_num_threads(1)
ITEMS = 40


class Sessions(Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            start, stride = int(torch.randint(0, ITEMS, (1,))), int(torch.randint(1, 4, (1,)))
            self.rows.append(torch.tensor([(start + stride * k) % ITEMS for k in range(8)]))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i][:-1], self.rows[i][-1]


class GRU4Rec(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.items = nn.Embedding(ITEMS, dim)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.drop = nn.Dropout(0.1)

    def forward(self, seq):
        return self.gru(self.drop(self.items(seq)))[1][0]

    def score(self, state, items):
        return (state.unsqueeze(1) * self.items(items)).sum(-1)


model = GRU4Rec()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.08)
train, test = Sessions(960), Sessions(200)
for epoch in range(12):
    model.train()
    for seq, bought in DataLoader(train, batch_size=32, shuffle=True):
        state = model(seq)
        others = torch.randint(0, ITEMS, (len(seq), 12))
        gap = model.score(state, bought[:, None]) - model.score(state, others)
        loss = -F.logsigmoid(gap).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        seq, bought = next(iter(DataLoader(test, batch_size=200)))
        top = model.score(model(seq), torch.arange(ITEMS).expand(200, -1)).topk(5, 1).indices
        recall = (top == bought[:, None]).any(1).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} recall@5 {recall:.3f}")
