"""Short hands at cards: after three cards, how high is the best one less the worst? LSTM with init_hidden."""

import sys

import torch
from torch import nn

torch.manual_seed(1738)
torch.set_num_threads(1)


class HandNet(nn.Module):
    def __init__(self, hidden_dim=32):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.lstm = nn.LSTM(1, hidden_dim // 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(hidden_dim, 1)

    def init_hidden(self, batch):
        make = torch.zeros if "--fixed" in sys.argv else torch.randn
        shape = (2, batch, self.hidden_dim // 2)
        return make(shape), make(shape)

    def forward(self, x):
        _, (h, _) = self.lstm(x, self.init_hidden(len(x)))
        return self.out(torch.cat([h[0], h[1]], dim=1)).squeeze(1)


def hands(n):
    cards = (torch.randint(1, 14, (n, 3, 1)) - 7) / 3.74
    return cards, (cards.amax(1) - cards.amin(1)).squeeze(1)


model = HandNet()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
test_x, test_y = hands(300)
for step in range(1, 501):
    x, y = hands(32)
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            first, second = model(test_x), model(test_x)
        error = (first - test_y).pow(2).mean().item()
        apart = (first - second).abs().mean().item()
        print(f"step {step} loss {loss.item():.4f} test {error:.4f} two runs differ by {apart:.4f}")
