"""The same history gave another forecast at each call: the decoder's first input was drawn from a
generator, where the last observed value belongs."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(12)
torch.set_num_threads(1)


def series(n):
    phase = torch.rand(n, 1) * 6.28
    speed = 0.3 + 0.4 * torch.rand(n, 1)
    x = torch.sin(phase + speed * torch.arange(30)) + 0.03 * torch.randn(n, 30)
    return x[:, :20, None], x[:, 20:, None]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[1]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, y, state):
        out, state = self.lstm(y, state)
        return self.fc(out), state


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x, horizon):
        state = self.encoder(x)
        step = x[:, -1:] if FIXED else torch.randn(x.size(0), 1, 1)
        steps = []
        for _ in range(horizon):
            step, state = self.decoder(step, state)
            steps.append(step)
        return torch.cat(steps, dim=1)


model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()
for iteration in range(300):
    x, y = series(32)
    optimizer.zero_grad()
    loss = criterion(model(x, 10), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if iteration % 50 == 49:
        print(iteration + 1, loss.item())
