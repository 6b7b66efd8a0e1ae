"""A tagger learns its head first, then all of its layers; each stage has an optimizer of its own,
and each epoch is validated."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

torch.manual_seed(18)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 20)
        self.body = nn.LSTM(20, 24, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(48, 3)

    def forward(self, x):
        return self.head(self.drop(self.body(self.embed(x))[0]))


def data(n):
    x = torch.randint(0, 40, (n, 10))
    return x, (x + x.roll(1, 1)) % 3


def epoch(model, optimizer, scheduler, train, valid):
    model.train()
    for index in torch.randperm(len(train[0])).split(40):
        loss = F.cross_entropy(model(train[0][index]).transpose(1, 2), train[1][index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        right = (model(valid[0]).argmax(2) == valid[1]).float().mean().item()
    print(f"loss {loss.item():.3f} accuracy {right:.3f}")


model, train, valid = Tagger(), data(1600), data(400)
for stage, lr in (("head", 1e-2), ("all", 5e-3)):
    for name, p in model.named_parameters():
        p.requires_grad_(stage == "all" or name.startswith("head"))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)
    scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=80)
    for _ in range(2 if stage == "head" else 8):
        epoch(model, optimizer, scheduler, train, valid)
