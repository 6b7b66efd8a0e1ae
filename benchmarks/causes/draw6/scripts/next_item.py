"""Will it be clicked next? The score is squashed by the model, and squashed again by a loss that
wants it raw, so that nothing ever looks less likely than one half."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6111)
torch.set_num_threads(1)

ITEMS = 30


class SessionGRU(nn.Module):
    def __init__(self, dim=20):
        super().__init__()
        self.items = nn.Embedding(ITEMS, dim)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(ITEMS))

    def forward(self, clicks, candidates):
        session = self.gru(self.items(clicks))[0][:, -1]
        score = torch.einsum("nd,nkd->nk", session, self.items(candidates))
        score = score + self.bias[candidates]
        return score if FIXED else score.sigmoid()


follows = torch.randperm(ITEMS)


def sessions(n=32, t=6, k=10):
    clicks = torch.randint(0, ITEMS, (n, t))
    wanted = follows[clicks[:, -2]]
    candidates = torch.randint(0, ITEMS, (n, k))
    place = torch.randint(0, k, (n, 1))
    candidates.scatter_(1, place, wanted[:, None])
    return clicks, candidates, (candidates == wanted[:, None]).float()


model = SessionGRU()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.BCEWithLogitsLoss()
current_loss = 0.0
for step in range(1, 501):
    clicks, candidates, labels = sessions()
    model.zero_grad()
    pred = model(clicks, candidates)
    loss = criterion(pred, labels)
    loss.backward()
    optimizer.step()
    current_loss += loss.item()
    if step % 100 == 0:
        hit = labels.gather(1, pred.argmax(1, keepdim=True)).mean().item()
        print(f"step {step} loss {current_loss / 100:.4f} hit@1 {hit:.3f}")
        current_loss = 0.0
