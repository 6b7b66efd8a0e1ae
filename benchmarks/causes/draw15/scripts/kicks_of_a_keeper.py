"""Which of four plays a keeper begins, from the path of the ball over fifteen frames."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1541)
torch.set_num_threads(1)
PLAYS, FRAMES = 4, 15


def plays(n):
    play = torch.randint(0, PLAYS, (n,))
    t = torch.linspace(0, 1, FRAMES)
    side = torch.where(play % 2 == 0, 1.0, -1.0).unsqueeze(1)
    curl = torch.where(play < 2, 1.0, -1.0).unsqueeze(1)
    start = torch.randn(n, 1)
    x = start + side * t + 0.4 * side * curl * torch.sin(6 * t)
    y = 1.5 * t + 0.3 * torch.randn(n, 1)
    return torch.stack([x, y], dim=-1) + 0.35 * torch.randn(n, FRAMES, 2), play


class PlayNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.LSTM(2, size, num_layers=2, batch_first=True)
        self.play = nn.Linear(size, PLAYS)

    def init_weights(self):
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)

    def forward(self, path):
        return self.play(self.rnn(path)[0][:, -1])


class Session:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def reset(self):
        self.model.init_weights()

    def run_epoch(self, loader):
        if "--fixed" not in sys.argv:
            self.reset()
        total = 0.0
        for path, play in loader:
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(path), play)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)


loader = DataLoader(TensorDataset(*plays(960)), batch_size=32, shuffle=True)
test_path, test_play = plays(400)
session = Session(PlayNet())
session.reset()
for epoch in range(14):
    cost = session.run_epoch(loader)
    with torch.no_grad():
        right = (session.model(test_path).argmax(1) == test_play).float().mean().item()
    print(f"epoch {epoch} cost {cost:.4f} plays right {right:.3f}")
