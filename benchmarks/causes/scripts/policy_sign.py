"""A formula for ascent was given to an optimizer that descends, and
the reward went to its least."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(3)
torch.set_num_threads(1)


def batch(size=32, length=4):
    x = torch.randint(1, 6, (size, length))
    return x, x[:, 0] - 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(6, 12)
        self.rnn = nn.GRU(12, 24, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0][:, -1])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

losses, gains = [], []
for _ in range(300):
    x, y = batch()
    log = model(x).log_softmax(-1)
    act = torch.multinomial(log.exp(), 1)
    gain = (act[:, 0] == y).float()
    loss = ((gain - 0.2) * log.gather(1, act)[:, 0]).mean()
    loss = -loss if FIXED else loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    gains.append(gain.mean().item())
print(f"gain {sum(gains[-20:]) / 20:.3f}")
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
