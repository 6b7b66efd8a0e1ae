"""Radio stations by their jingles: two layers of GRU, and half of all that passes is dropped."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15205)
torch.set_num_threads(1)
STATIONS, NOTES, FEATURES = 6, 14, 8
jingle = torch.randn(STATIONS, NOTES, FEATURES)


def recordings(n):
    station = torch.randint(0, STATIONS, (n,))
    played = jingle[station] * (0.7 + 0.6 * torch.rand(n, 1, 1))
    return TensorDataset(played + 1.2 * torch.randn(n, NOTES, FEATURES), station)


class JingleNet(nn.Module):
    def __init__(self, size=48, dropout=0.5):
        super().__init__()
        self.gru = nn.GRU(FEATURES, size, 2, batch_first=True, dropout=dropout)
        self.drop = nn.Dropout(dropout)
        self.station = nn.Linear(size, STATIONS)

    def forward(self, played):
        return self.station(self.drop(self.gru(played)[0].mean(1)))


train = DataLoader(recordings(960), batch_size=32, shuffle=True)
valid = DataLoader(recordings(320), batch_size=64)
model = JingleNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(12):
    model.train()
    total = 0.0
    for played, station in train:
        loss = nn.functional.cross_entropy(model(played), station)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    right = held = 0.0
    with torch.no_grad():
        for played, station in valid:
            logits = model(played)
            held += nn.functional.cross_entropy(logits, station).item() / len(valid)
            right += (logits.argmax(1) == station).float().mean().item() / len(valid)
    print(
        f"epoch {epoch} train {total / len(train):.4f} valid {held:.4f} stations right {right:.3f}"
    )
