"""Windows of a machine's sensors are put in classes by how they swing; recordings lie time first."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1214)
torch.set_num_threads(1)
CLASSES, STEPS, SENSORS = 5, 32, 3


class Recordings(Dataset):
    def __init__(self, n):
        self.kind = torch.randint(0, CLASSES, (n,))
        t = torch.arange(STEPS)
        rate = 0.25 + 0.22 * self.kind[:, None] + 0.02 * torch.randn(n, 1)
        start = 6.28 * torch.rand(n, 1)
        waves = [torch.sin(rate * t + start + 0.8 * k) for k in range(SENSORS)]
        self.x = torch.stack(waves, -1) + 0.2 * torch.randn(n, STEPS, SENSORS)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.x[i], self.kind[i]


def time_first(batch):
    return torch.stack([x for x, _ in batch], 1), torch.stack([kind for _, kind in batch])


class Contrast(nn.Module):
    def __init__(self):
        super().__init__()
        self.resnet = nn.Sequential(nn.Linear(SENSORS, 24), nn.ReLU())
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.cluster_head = nn.Linear(32, CLASSES)

    def forward(self, x):
        h, b, w = x.shape
        if "--fixed" in sys.argv:
            x = x.permute(1, 0, 2)
        else:
            x = x.view(b, h, w)
        out, _ = self.lstm(self.resnet(x))
        return self.cluster_head(out.mean(1))


loader = DataLoader(Recordings(1600), batch_size=40, shuffle=True, collate_fn=time_first)
test = DataLoader(Recordings(400), batch_size=40, collate_fn=time_first)
model = Contrast()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
for epoch in range(1, 13):
    for x, kind in loader:
        loss = nn.functional.cross_entropy(model(x), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            hits = [(model(x).argmax(1) == kind).float().mean() for x, kind in test]
        print(f"epoch {epoch} loss {loss:.4f} test right {sum(hits) / len(hits):.3f}")
