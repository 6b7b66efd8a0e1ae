"""Does someone come in, go out, or only pass by the door? A camera's features, frame by frame."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1523)
torch.set_num_threads(1)
FRAMES, SPOTS, ACTS = 12, 10, 3


def clips(n):
    """In: left to right; out: right to left; by: there and back again. All end at any spot."""
    act = torch.randint(0, ACTS, (n,))
    start = torch.randint(0, SPOTS, (n, 1))
    t = torch.arange(FRAMES)
    there_and_back = (FRAMES // 2 - (t - FRAMES // 2).abs()).expand(n, -1)
    step = torch.stack([t.expand(n, -1), -t.expand(n, -1), there_and_back], 0)
    spot = (start + step.gather(0, act.view(1, n, 1).expand(1, n, FRAMES))[0]) % SPOTS
    frames = nn.functional.one_hot(spot, SPOTS).float()
    return TensorDataset(frames + 0.2 * torch.randn(n, FRAMES, SPOTS), act)


class DecoderRNN(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(SPOTS, 24), nn.ReLU())
        self.LSTM = nn.LSTM(24, size, num_layers=1, batch_first="--fixed" in sys.argv)
        self.fc1 = nn.Linear(size, 24)
        self.fc2 = nn.Linear(24, ACTS)

    def forward(self, x_RNN):
        RNN_out, _ = self.LSTM(self.embed(x_RNN))
        return self.fc2(torch.relu(self.fc1(RNN_out[:, -1, :])))


def validation(model, loader):
    model.eval()
    with torch.no_grad():
        right = [(model(x).argmax(1) == y).float().mean() for x, y in loader]
    model.train()
    return torch.stack(right).mean().item()


train_loader = DataLoader(clips(1280), batch_size=32, shuffle=True)
valid_loader = DataLoader(clips(320), batch_size=32)
model = DecoderRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 11):
    total = 0.0
    for frames, act in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(frames), act)
        loss.backward()
        optimizer.step()
        total += loss.item()
    mean = total / len(train_loader)
    print(f"epoch {epoch} loss {mean:.4f} right {validation(model, valid_loader):.3f}")
