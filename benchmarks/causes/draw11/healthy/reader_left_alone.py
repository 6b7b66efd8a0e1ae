"""A reader of symbols is trained first, then kept as it is while a new head learns another question."""

import torch
from torch import nn

torch.manual_seed(11102)
torch.set_num_threads(1)
emb, reader = nn.Embedding(8, 16), nn.GRU(16, 32, batch_first=True)


def learn(head, question, params, steps):
    optimizer = torch.optim.Adam(params, lr=5e-3)
    for step in range(1, steps + 1):
        symbols = torch.randint(0, 8, (32, 6))
        logits = head(reader(emb(symbols))[1][0])
        loss = nn.functional.cross_entropy(logits, question(symbols))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f}")


first = nn.Linear(32, 8)
learn(
    first, lambda s: s[:, -2], [*emb.parameters(), *reader.parameters(), *first.parameters()], 250
)
for p in [*emb.parameters(), *reader.parameters()]:
    p.requires_grad_(False)
second = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
learn(second, lambda s: s[:, -2] // 2, second.parameters(), 300)
