"""Five faults of a pipe, told by how it hums on: the level in two bands, frame by frame, as the recorder stores it."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1647)
torch.set_num_threads(1)
FAULTS, BANDS, FRAMES = 5, 2, 20
t = torch.linspace(0, 1, FRAMES)
course = torch.stack(
    (t, 1 - t, torch.sin(3.14 * t), 1 - torch.sin(3.14 * t), 0.5 + 0.5 * torch.sin(9.42 * t))
)


class Hums(Dataset):
    def __init__(self, size):
        self.fault = torch.randint(0, FAULTS, (size,))
        hum = (
            0.25 + 0.75 * course[self.fault].unsqueeze(2) + 0.06 * torch.randn(size, FRAMES, BANDS)
        )
        gain = torch.tensor([24000, 18000]) * (0.8 + 0.2 * torch.rand(size, 1, 1))
        self.peaks = (gain * hum.clamp(0.05, 1.2)).to(torch.int16)

    def __len__(self):
        return len(self.peaks)

    def __getitem__(self, index):
        peaks = self.peaks[index].float()
        if "--fixed" in sys.argv:
            peaks = peaks / 2**15
        return peaks, self.fault[index]


class HumNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(BANDS, size, batch_first=True)
        self.head = nn.Linear(size, FAULTS)

    def forward(self, frames):
        _, (hidden, _) = self.lstm(frames)
        return self.head(hidden[-1])


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


train = DataLoader(Hums(1280), batch_size=32, shuffle=True)
test = DataLoader(Hums(400), batch_size=200)
model = HumNet()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 11):
    model.train()
    total = 0.0
    for frames, fault in train:
        loss = criterion(model(frames), fault)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(train):.4f} test right {evaluate(model, test):.3f}")
