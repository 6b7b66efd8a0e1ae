"""Does a pump start, stop, stutter or run, by its hum? A convolution over frames, then an LSTM."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import MultiStepLR
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1435)
torch.set_num_threads(1)
STATES, SAMPLES = 4, 120


class Hums(Dataset):
    def __init__(self, n):
        self.state = torch.randint(STATES, (n,))
        t = torch.arange(SAMPLES) / SAMPLES
        pulse = ((8 * t).long() % 2).float()
        louds = torch.stack([0.2 + 1.6 * t, 1.8 - 1.6 * t, 1.8 * pulse, torch.ones(SAMPLES)])
        pitch = 0.6 + 0.3 * torch.rand(n, 1)
        tone = torch.sin(pitch * torch.arange(SAMPLES) + 6.28 * torch.rand(n, 1))
        self.hum = louds[self.state] * tone + 0.2 * torch.randn(n, SAMPLES)

    def __len__(self):
        return len(self.hum)

    def __getitem__(self, i):
        return self.hum[i], self.state[i]


class HumNet(nn.Module):
    def __init__(self, channels=16, hidden=40):
        super().__init__()
        self.conv = nn.Conv1d(1, channels, kernel_size=10, stride=5)
        self.lstm = nn.LSTM(channels, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, STATES)

    def forward(self, hum):
        frames = torch.relu(self.conv(hum.unsqueeze(1))).transpose(1, 2)
        out, _ = self.lstm(frames)
        return self.fc(out.mean(dim=1))


def evaluate(model, loader):
    right = sum((model(hum).argmax(1) == state).sum().item() for hum, state in loader)
    return right / len(loader.dataset)


train_loader = DataLoader(Hums(1600), batch_size=32, shuffle=True)
val_loader = DataLoader(Hums(320), batch_size=64)
model = HumNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
scheduler = MultiStepLR(optimizer, milestones=[9, 11], gamma=0.1)

for epoch in range(12):
    model.train()
    running = 0.0
    for hum, state in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(hum), state)
        loss.backward()
        optimizer.step()
        running += loss.item()
        if "--fixed" not in sys.argv:
            scheduler.step()
    if "--fixed" in sys.argv:
        scheduler.step()
    model.eval()
    with torch.no_grad():
        accuracy = evaluate(model, val_loader)
    print(f"epoch {epoch} loss {running / len(train_loader):.3f} val accuracy {accuracy:.3f}")
