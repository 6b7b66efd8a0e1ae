"""Five faults of a pipe, heard when it is tapped: samples as the recorder stores them, sixteen to a frame, into an LSTM."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1647)
torch.set_num_threads(1)
FAULTS, FRAME, FRAMES = 5, 16, 16
pitch = torch.tensor([0.25, 0.37, 0.5, 0.65, 0.82])
fading = torch.tensor([60.0, 160.0, 90.0, 200.0, 120.0])


class Taps(Dataset):
    def __init__(self, size):
        self.fault = torch.randint(0, FAULTS, (size,))
        t = torch.arange(FRAME * FRAMES)
        ring = torch.sin(pitch[self.fault].unsqueeze(1) * t + 6.28 * torch.rand(size, 1))
        ring = ring * torch.exp(-t / fading[self.fault].unsqueeze(1))
        loud = 12000 + 14000 * torch.rand(size, 1)
        self.wave = (loud * ring + 900 * torch.randn(size, FRAME * FRAMES)).to(torch.int16)

    def __len__(self):
        return len(self.wave)

    def __getitem__(self, index):
        wave = self.wave[index].float()
        if "--fixed" in sys.argv:
            wave = wave / 2**15
        return wave.view(FRAMES, FRAME), self.fault[index]


class TapNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.lstm = nn.LSTM(FRAME, size, batch_first=True)
        self.head = nn.Linear(size, FAULTS)

    def forward(self, frames):
        _, (hidden, _) = self.lstm(frames)
        return self.head(hidden[-1])


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


train = DataLoader(Taps(1600), batch_size=32, shuffle=True)
test = DataLoader(Taps(400), batch_size=200)
model = TapNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 13):
    model.train()
    total = 0.0
    for frames, fault in train:
        loss = criterion(model(frames), fault)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(train):.4f} test right {evaluate(model, test):.3f}")
