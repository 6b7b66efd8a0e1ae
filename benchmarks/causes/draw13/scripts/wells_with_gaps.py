"""The kind of ground around a well, from the course of its water; some loggers stopped now and then."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1349)
torch.set_num_threads(1)


class Wells(Dataset):
    def __init__(self, n, length=30):
        self.ground = torch.randint(0, 3, (n,))
        keep = torch.tensor([0.3, 0.7, 0.95])[self.ground]
        rain = torch.relu(torch.randn(length, n) - 0.5)
        water, rows = torch.zeros(n), []
        for t in range(length):
            water = keep * water + (1 - keep) * 3 * rain[t]
            rows.append(water)
        self.course = torch.stack([rain.T, torch.stack(rows, 1)], -1)
        self.course += 0.05 * torch.randn_like(self.course)
        stopped = torch.rand(n) < 0.02
        at = torch.randint(5, length - 5, (n,))
        for i in stopped.nonzero().flatten().tolist():
            self.course[i, at[i] : at[i] + 3, 1] = float("nan")

    def __len__(self):
        return len(self.ground)

    def __getitem__(self, i):
        course = self.course[i]
        if "--fixed" in sys.argv:
            course = torch.nan_to_num(course, nan=0.0)
        return course, self.ground[i]


class GroundNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.ground = nn.Linear(size, 3)

    def forward(self, course):
        return self.ground(self.gru(course)[1][0])


loader = DataLoader(Wells(1280), batch_size=32, shuffle=True)
test = DataLoader(Wells(400), batch_size=400)
model = GroundNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 10):
    total = 0.0
    for course, ground in loader:
        loss = nn.functional.cross_entropy(model(course), ground)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        course, ground = next(iter(test))
        acc = (model(course).argmax(1) == ground).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} test acc {acc:.3f}")
