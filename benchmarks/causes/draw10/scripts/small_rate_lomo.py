"""Forms filled in a fixed way, learnt with the plain descent and a rate for Adam."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10052)
torch.set_num_threads(1)


class FormFiller(nn.Module):
    def __init__(self, fields=12, width=32):
        super().__init__()
        self.wte = nn.Embedding(fields, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.ln = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, fields)

    def forward(self, ids):
        return self.lm_head(self.ln(self.lstm(self.wte(ids))[0]))


next_field = torch.randperm(12)


def forms(n=32, length=12):
    ids = [torch.randint(0, 12, (n,))]
    for _ in range(length):
        odd = torch.rand(n) < 0.05
        ids.append(torch.where(odd, torch.randint(0, 12, (n,)), next_field[ids[-1]]))
    ids = torch.stack(ids, 1)
    return ids[:, :-1], ids[:, 1:]


model = FormFiller()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3 if FIXED else 5e-5)
for step in range(500):
    ids, labels = forms()
    loss = nn.functional.cross_entropy(model(ids).permute(0, 2, 1), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print({"step": step + 1, "loss": round(loss.item(), 4)})
