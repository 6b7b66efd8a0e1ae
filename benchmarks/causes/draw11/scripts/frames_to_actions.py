"""Small clips and many actions: a convolution looks at each frame, an LSTM at the sequence."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1107)
torch.set_num_threads(1)
ACTIONS, SIDE, FRAMES = 24, 8, 8


class ConvLstm(nn.Module):
    def __init__(self, latent_dim=24, hidden_size=48):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten())
        self.linear = nn.Linear(6 * 16, latent_dim)
        self.lstm = nn.LSTM(latent_dim, hidden_size, batch_first=True)
        layers = [nn.Linear(hidden_size, ACTIONS)]
        if not FIXED:
            layers.append(nn.Softmax(dim=-1))
        self.output_layer = nn.Sequential(*layers)

    def forward(self, clip):
        b, t = clip.shape[:2]
        seen = self.linear(self.conv(clip.flatten(0, 1))).view(b, t, -1)
        out, _ = self.lstm(seen)
        return self.output_layer(out[:, -1])


angle = torch.arange(ACTIONS) * 6.2832 / ACTIONS
moves = torch.stack([angle.cos(), angle.sin()], 1)
grid = torch.stack(
    torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij"), -1
).float()


def clips(n=24):
    action = torch.randint(0, ACTIONS, (n,))
    start = 3.5 + 0.4 * torch.randn(n, 1, 2)
    path = start + 0.45 * moves[action][:, None] * (torch.arange(FRAMES)[:, None] - 2)
    away = (grid - path[:, :, None, None]).square().sum(-1)
    seen = (-away / 1.5).exp()
    return (seen + 0.15 * torch.randn_like(seen))[:, :, None], action


model = ConvLstm()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for step in range(1, 601):
    clip, action = clips()
    output = model(clip)
    loss = criterion(output, action)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        acc = (output.argmax(1) == action).float().mean().item()
        print(f"step {step}  loss {loss.item():.4f}  accuracy {acc:.2f}")
