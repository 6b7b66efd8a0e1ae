"""Each of four readings gets one of three tags from a bidirectional LSTM after a tutorial."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8134)
torch.set_num_threads(1)


class BiLSTM(nn.Module):
    def __init__(self, inputs=2, nb_lstm_units=48, nb_tags=3):
        super().__init__()
        self.nb_lstm_units = nb_lstm_units
        self.lstm = nn.LSTM(inputs, nb_lstm_units, batch_first=True, bidirectional=True)
        self.hidden_to_tag = nn.Linear(2 * nb_lstm_units, nb_tags)

    def init_hidden(self, batch):
        shape = (2, batch, self.nb_lstm_units)
        if FIXED:
            return torch.zeros(shape), torch.zeros(shape)
        return torch.randn(shape), torch.randn(shape)

    def forward(self, x):
        self.hidden = self.init_hidden(x.shape[0])
        x, self.hidden = self.lstm(x, self.hidden)
        return self.hidden_to_tag(x)


def readings(n=32):
    x = 0.3 * torch.randn(n, 4, 2)
    mean = x[..., 0].mean(1, keepdim=True) - 0.5 * x[..., 1]
    return x, (mean > -0.08).long() + (mean > 0.08).long()


net = BiLSTM()
opt = torch.optim.Adam(net.parameters(), lr=6e-3)
loss_fn = nn.CrossEntropyLoss()
for step in range(350):
    x, tags = readings()
    loss = loss_fn(net(x).transpose(1, 2), tags)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"{step + 1:3d}: {loss.item():.3f}")
