"""Videos, as features of their frames, are sorted into twenty actions by an LSTM."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9012)
torch.set_num_threads(1)
ACTIONS = 20


class ConvLstm(nn.Module):
    def __init__(self, features=12, latent=16, hidden=48):
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(features, latent), nn.ReLU())
        self.lstm = nn.LSTM(latent, hidden, batch_first=True)
        layers = [nn.Linear(hidden, ACTIONS)]
        if not FIXED:
            layers.append(nn.Softmax(dim=-1))
        self.output_layer = nn.Sequential(*layers)

    def forward(self, video):
        n, t, f = video.shape
        frames = self.frame(video.reshape(n * t, f)).reshape(n, t, -1)
        return self.output_layer(self.lstm(frames)[0][:, -1])


poses = torch.randn(ACTIONS, 10, 12)


def videos(n=32):
    label = torch.randint(0, ACTIONS, (n,))
    return poses[label] + 0.7 * torch.randn(n, 10, 12), label


model = ConvLstm()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for i in range(500):
    video, label = videos()
    loss = loss_fn(model(video), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        print(f"iteration {i + 1} train loss {loss.item():.4f}")
