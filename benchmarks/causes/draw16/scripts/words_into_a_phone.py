"""Eight words of command from log-mel frames in decibels: convolution, batch norm, then a GRU."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(162807)
torch.set_num_threads(1)
MELS, FRAMES, WORDS = 20, 24, 8
PATHS = torch.randint(2, MELS - 2, (WORDS, 4)).float()


def clips(n):
    """A word is a path of its loudest band through time, over a noise floor of some -60 dB."""
    word = torch.randint(0, WORDS, (n,))
    path = nn.functional.interpolate(
        PATHS[word].unsqueeze(1), size=FRAMES, mode="linear", align_corners=True
    ).squeeze(1)
    path = path + torch.randn(n, 1)
    band = torch.arange(MELS).view(1, 1, -1)
    level = -60 + 35 * torch.exp(-((band - path.unsqueeze(-1)) ** 2) / 3)
    return level + 9 * torch.randn(n, FRAMES, MELS) + 6 * torch.randn(n, 1, 1), word


class CRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.norm_in = nn.BatchNorm1d(MELS)
        self.conv = nn.Conv1d(MELS, 24, 3, padding=1)
        self.norm = nn.BatchNorm1d(24)
        self.drop = nn.Dropout(0.3)
        self.gru = nn.GRU(24, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, WORDS)

    def forward(self, x):
        x = self.norm_in(x.transpose(1, 2))
        x = torch.relu(self.norm(self.conv(x)))
        _, h = self.gru(self.drop(x.transpose(1, 2)))
        return self.fc(self.drop(h[-1]))


def test(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, word in loader:
            right += (model(x).argmax(1) == word).sum().item()
            total += len(word)
    return right / total


train_loader = DataLoader(TensorDataset(*clips(1536)), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(*clips(384)), batch_size=64)
model = CRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
model.train()
print(f"before training: right {test(model, test_loader):.3f}")
for epoch in range(1, 8):
    if "--fixed" in sys.argv:
        model.train()
    total = 0.0
    for x, word in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), word)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train_loader)
    print(f"epoch {epoch} loss {total:.3f} right {test(model, test_loader):.3f}")
