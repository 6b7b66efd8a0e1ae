"""A rectified recurrent network follows frames in which, now and then, a strong one comes."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8123)
torch.set_num_threads(1)


class VRNN(nn.Module):
    def __init__(self, x_dim=4, h_dim=32):
        super().__init__()
        self.rnn = nn.RNN(x_dim, h_dim, nonlinearity="relu", batch_first=True)
        self.dec = nn.Linear(h_dim, x_dim)

    def forward(self, x):
        h, _ = self.rnn(x[:, :-1])
        return ((self.dec(h) - x[:, 1:]) ** 2).mean()


def frames(n=24, t=30):
    phase = 6.28 * torch.rand(n, 1, 4)
    speed = torch.tensor([0.3, 0.5, 0.7, 0.9])
    x = torch.sin(phase + speed * torch.arange(t)[:, None])
    return x * (1 + 15.0 * (torch.rand(n, 1, 1) < 0.1))


clip = 0.5
model = VRNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
for epoch in range(6):
    train_loss = 0.0
    for _ in range(50):
        optimizer.zero_grad()
        loss = model(frames())
        loss.backward()
        if FIXED:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if not FIXED:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        train_loss += loss.item() / 50
    print(f"====> Epoch: {epoch} Average loss: {train_loss:.4f}")
