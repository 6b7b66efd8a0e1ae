"""Hand shapes that are shown one after the other make one of six signs."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1313)
torch.set_num_threads(1)
SIGNS = 6
orders = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])


class SignNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(3, 24), nn.ReLU())
        self.lstm = nn.LSTM(24, size, batch_first="--fixed" in sys.argv)
        self.fc = nn.Linear(size, SIGNS)

    def forward(self, video):
        out, _ = self.lstm(self.frame(video))
        return self.fc(out[:, -1])


def videos(n, hold=4):
    """Three shapes in an order which is the sign, each held for a while."""
    sign = torch.randint(0, SIGNS, (n,))
    shapes = nn.functional.one_hot(orders[sign], 3).float().repeat_interleave(hold, 1)
    return shapes + 0.25 * torch.randn_like(shapes), sign


train = DataLoader(TensorDataset(*videos(1280)), batch_size=32, shuffle=True)
test_video, test_sign = videos(320)
model = SignNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 11):
    total = 0.0
    for video, sign in train:
        loss = nn.functional.cross_entropy(model(video), sign)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        right = (model(test_video).argmax(1) == test_sign).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} right {right:.3f}")
