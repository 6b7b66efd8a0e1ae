"""Some words are hidden and have to be named; targets are the input itself, elsewhere ignored."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(7)
torch.set_num_threads(1)
VOCAB, MASK = 13, 13


def sentences(n=24, length=12):
    first, stride = torch.randint(0, VOCAB, (n, 1)), torch.randint(1, 4, (n, 1))
    return (first + stride * torch.arange(length)) % VOCAB


model = nn.ModuleDict(
    {
        "embed": nn.Embedding(VOCAB + 1, 24),
        "lstm": nn.LSTM(24, 32, batch_first=True, bidirectional=True),
        "out": nn.Linear(64, VOCAB),
    }
)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=300)
for step in range(300):
    y = sentences()
    hide = torch.rand(y.shape) < 0.2
    x = torch.where(hide, MASK, y)
    logits = model["out"](model["lstm"](model["embed"](x))[0])
    loss = functional.cross_entropy(
        logits.transpose(1, 2), torch.where(hide, y, -100), ignore_index=-100
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 60 == 59:
        print(step + 1, f"{loss.item():.3f}")
