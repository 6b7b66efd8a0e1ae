"""Draught of a ferry from the cars that roll on and off; the rate is lowered when it stands still."""

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15202)
torch.set_num_threads(1)
MOVES = 14


def ferries(n):
    weight = 0.2 + torch.rand(n, MOVES)
    way = torch.where(torch.rand(n, MOVES) < 0.65, 1.0, -1.0)
    load = torch.zeros(n)
    for move in range(MOVES):
        load = (load + weight[:, move] * way[:, move]).clamp(min=0)
    draught = load / 3 + 0.08 * torch.randn(n)
    return TensorDataset(torch.stack([weight, way], dim=-1), draught.unsqueeze(1))


class FerryNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.draught = nn.Linear(size, 1)

    def forward(self, moves):
        return self.draught(self.lstm(moves)[1][0][-1])


train, valid = DataLoader(ferries(640), 32, shuffle=True), DataLoader(ferries(256), 64)
model = FerryNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = ReduceLROnPlateau(optimizer, factor=0.4, patience=1, threshold=0.02)
for epoch in range(24):
    total = 0.0
    for moves, draught in train:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(moves), draught)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        held = sum(nn.functional.mse_loss(model(m), d).item() for m, d in valid) / len(valid)
    scheduler.step(held)
    rate = optimizer.param_groups[0]["lr"]
    print(f"epoch {epoch} train {total / len(train):.4f} valid {held:.4f} rate {rate:.5f}")
