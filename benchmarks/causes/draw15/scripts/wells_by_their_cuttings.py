"""Rock of a drilled well, metre by metre: six measured curves in, five kinds of rock out."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1530)
torch.set_num_threads(1)
ROCKS, CURVES, METRES = 5, 6, 16
config = {
    "hidden": 24,
    "layers": 2,
    "keep_prob": 0.95,
    "lr": 4e-3,
    "epochs": 12,
}
config["dropout"] = 1 - config["keep_prob"] if "--fixed" in sys.argv else config["keep_prob"]
signature = torch.randn(ROCKS, CURVES)


def wells(n):
    change = torch.rand(n, METRES) < 0.25
    change[:, 0] = True
    layer = change.cumsum(1) - 1
    rock = torch.randint(0, ROCKS, (n, METRES)).gather(1, layer)
    curves = signature[rock] + 0.8 * torch.randn(n, METRES, CURVES)
    return TensorDataset(curves, rock)


class RockTagger(nn.Module):
    def __init__(self, hidden, layers, dropout):
        super().__init__()
        self.lstm = nn.LSTM(
            CURVES, hidden, layers, batch_first=True, dropout=dropout, bidirectional=True
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, ROCKS)

    def forward(self, curves):
        states, _ = self.lstm(curves)
        return self.head(self.dropout(states))


train = DataLoader(wells(1024), batch_size=32, shuffle=True)
valid = DataLoader(wells(256), batch_size=64)
model = RockTagger(config["hidden"], config["layers"], config["dropout"])
optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(config["epochs"]):
    model.train()
    total = 0.0
    for curves, rock in train:
        optimizer.zero_grad()
        loss = criterion(model(curves).flatten(0, 1), rock.flatten())
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    right = 0.0
    with torch.no_grad():
        for curves, rock in valid:
            right += (model(curves).argmax(-1) == rock).float().mean().item()
    print(f"epoch {epoch} train loss {total / len(train):.3f} valid right {right / len(valid):.3f}")
