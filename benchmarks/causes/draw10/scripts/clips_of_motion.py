"""Short clips: a frame encoder and an LSTM decide which way a dot moves round."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(115)
torch.set_num_threads(1)


class EncoderCNN(nn.Module):
    def __init__(self, embed=20):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.fc = nn.Linear(6 * 36, embed)
        self.bn = nn.LayerNorm(embed)

    def forward(self, x):
        b, t = x.shape[:2]
        y = F.relu(self.conv(x.flatten(0, 1)[:, None]))
        return self.bn(self.fc(y.flatten(1))).view(b, t, -1)


class DecoderRNN(nn.Module):
    def __init__(self, embed=20, hidden=32, classes=4):
        super().__init__()
        self.LSTM = nn.LSTM(embed, hidden)
        self.fc1 = nn.Linear(hidden, classes)

    def forward(self, x_RNN):
        batch, time, size = x_RNN.shape
        if FIXED:
            x_RNN = x_RNN.transpose(0, 1)
        else:
            x_RNN = x_RNN.contiguous().view(time, batch, size)
        out, _ = self.LSTM(x_RNN)
        return self.fc1(out[-1])


def clips(n=30, t=8):
    turn = torch.randint(0, 4, (n,))
    rate = torch.tensor([-1.0, -0.5, 0.5, 1.0])[turn]
    angle = rate[:, None] * torch.arange(t) + 6.28 * torch.rand(n, 1)
    at = torch.stack([angle.sin(), angle.cos()], -1)
    grid = torch.linspace(-1.2, 1.2, 6)
    dx = grid[None, None, :, None] - at[..., 0, None, None]
    dy = grid[None, None, None, :] - at[..., 1, None, None]
    return 3 * torch.exp(-2 * (dx**2 + dy**2)) + 0.05 * torch.randn(n, t, 6, 6), turn


cnn_encoder, rnn_decoder = EncoderCNN(), DecoderRNN()
crnn_params = list(cnn_encoder.parameters()) + list(rnn_decoder.parameters())
optimizer = torch.optim.Adam(crnn_params, lr=5e-3)
for step in range(400):
    X, y = clips()
    optimizer.zero_grad()
    output = rnn_decoder(cnn_encoder(X))
    loss = F.cross_entropy(output, y)
    loss.backward()
    nn.utils.clip_grad_norm_(crnn_params, 1.0)
    optimizer.step()
    if (step + 1) % 80 == 0:
        score = (output.argmax(1) == y).float().mean()
        print(f"step {step + 1} Loss: {loss.item():.4f}, Accu: {100 * score:.1f}%")
