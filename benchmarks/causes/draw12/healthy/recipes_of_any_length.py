"""The weight after every step of a recipe; recipes differ in length and only real steps count."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(2203)
torch.set_num_threads(1)
ACTIONS = 8
effect = torch.tensor([0.0, 0.5, -0.4, 0.3, 0.8, -0.2, 0.6, -0.6, 0.1])  # 0 pads


def recipes(n):
    rows = []
    for _ in range(n):
        actions = torch.randint(1, ACTIONS + 1, (int(torch.randint(4, 19, ())),))
        amount = 0.5 + torch.rand(len(actions))
        rows.append((actions, amount, (effect[actions] * amount).cumsum(0)))
    return rows


def collate(batch):
    actions, amount, weight = (pad_sequence(part, True) for part in zip(*batch, strict=True))
    return actions, amount, weight


class Scales(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.actions = nn.Embedding(ACTIONS + 1, 15, padding_idx=0)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.weight = nn.Linear(size, 1)

    def forward(self, actions, amount):
        x = torch.cat([self.actions(actions), amount.unsqueeze(-1)], -1)
        return self.weight(self.gru(x)[0]).squeeze(-1)


loader = DataLoader(recipes(1200), batch_size=30, shuffle=True, collate_fn=collate)
held_out = next(iter(DataLoader(recipes(200), batch_size=200, collate_fn=collate)))
model = Scales()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def masked_mse(said, weight, actions):
    real = (actions != 0).float()
    return ((said - weight).square() * real).sum() / real.sum()


for epoch in range(1, 13):
    total = 0.0
    for actions, amount, weight in loader:
        loss = masked_mse(model(actions, amount), weight, actions)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        off = masked_mse(model(*held_out[:2]), held_out[2], held_out[0]).item()
    print(f"epoch {epoch:2d} loss {total:.4f} held out {off:.4f}")
