"""A long recording, window after window, goes through an LSTM that keeps its hidden state itself."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1123)
torch.set_num_threads(1)
BATCH, WINDOW = 16, 12


class ScanLSTM(nn.Module):
    def __init__(self, input_dim=3, hidden_dim=28):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=True)
        self.linear = nn.Linear(hidden_dim, 1)
        self.hidden = self.init_hidden()

    def init_hidden(self):
        return torch.zeros(1, BATCH, self.hidden_dim), torch.zeros(1, BATCH, self.hidden_dim)

    def forward(self, x):
        if FIXED:
            self.hidden = tuple(h.detach() for h in self.hidden)
        out, self.hidden = self.lstm(x, self.hidden)
        return self.linear(out).squeeze(-1)


def recordings(windows=400):
    """What is wanted follows the first channel slowly, so that earlier windows matter."""
    x = torch.randn(BATCH, windows * WINDOW, 3)
    slow, wanted = torch.zeros(BATCH), []
    for now in x[..., 0].unbind(1):
        slow = 0.9 * slow + 0.3 * now
        wanted.append(slow)
    return x.split(WINDOW, 1), torch.stack(wanted, 1).split(WINDOW, 1)


model = ScanLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for i, (x, wanted) in enumerate(zip(*recordings(), strict=True)):
    loss = nn.functional.mse_loss(model(x), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 50 == 49:
        print(f"window {i + 1} loss {loss.item():.4f}")
