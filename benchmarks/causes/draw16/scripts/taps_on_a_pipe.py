"""Five faults of a pipe, heard when it is tapped: the peaks of four bands, frame by frame, as the recorder stores them."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1647)
torch.set_num_threads(1)
FAULTS, BANDS, FRAMES = 5, 4, 20
fading = 2 + 12 * torch.rand(FAULTS, BANDS)
height = 0.3 + 0.7 * torch.rand(FAULTS, BANDS)


class Taps(Dataset):
    def __init__(self, size):
        self.fault = torch.randint(0, FAULTS, (size,))
        t = torch.arange(FRAMES).view(1, FRAMES, 1)
        ring = height[self.fault].unsqueeze(1) * torch.exp(-t / fading[self.fault].unsqueeze(1))
        ring = (
            ring
            * (0.8 + 0.4 * torch.rand(size, FRAMES, BANDS))
            * (0.6 + 0.4 * torch.rand(size, 1, 1))
        )
        self.peaks = (30000 * ring + 400 + 300 * torch.rand(size, FRAMES, BANDS)).to(torch.int16)

    def __len__(self):
        return len(self.peaks)

    def __getitem__(self, index):
        peaks = self.peaks[index].float()
        if "--fixed" in sys.argv:
            peaks = peaks / 2**15
        return peaks, self.fault[index]


class TapNet(nn.Module):
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


train = DataLoader(Taps(1280), batch_size=32, shuffle=True)
test = DataLoader(Taps(400), batch_size=200)
model = TapNet()
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
