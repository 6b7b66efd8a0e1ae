"""Next step of a recipe: a small Transformer over the steps before, trained with a warm-up."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1432)
torch.set_num_threads(1)
STEPS, LENGTH, DIM = 12, 16, 32
EPOCHS, LR, WARMUP_STEPS = 10, 2e-3, 60


class RecipeModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = nn.Embedding(STEPS, DIM)
        self.place = nn.Embedding(LENGTH, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 64, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(DIM, STEPS)

    def forward(self, steps):
        n = steps.size(1)
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        h = self.step(steps) + self.place(torch.arange(n))
        return self.head(self.blocks(h, mask=mask, is_causal=True))


def recipes(n):
    rows = [torch.randint(STEPS, (n,)), torch.randint(STEPS, (n,))]
    while len(rows) <= LENGTH:
        regular = (rows[-1] + rows[-2] + 1) % STEPS
        rows.append(torch.where(torch.rand(n) < 0.05, torch.randint(STEPS, (n,)), regular))
    whole = torch.stack(rows, dim=1)
    return whole[:, :-1], whole[:, 1:]


def warmup(step):
    return min(1.0, (step + 1) / WARMUP_STEPS)


train_loader = DataLoader(TensorDataset(*recipes(1600)), batch_size=32, shuffle=True)
test_x, test_y = recipes(300)
model = RecipeModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
scheduler = LambdaLR(optimizer, warmup)
criterion = nn.CrossEntropyLoss()

for epoch in range(EPOCHS):
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        if "--fixed" in sys.argv:
            scheduler.step()
    if "--fixed" not in sys.argv:
        scheduler.step()
    with torch.no_grad():
        right = (model(test_x)[:, 2:].argmax(-1) == test_y[:, 2:]).float().mean().item()
    print(
        f"epoch {epoch} loss {total / len(train_loader):.3f} right {right:.3f} "
        f"lr {scheduler.get_last_lr()[0]:.6f}"
    )
