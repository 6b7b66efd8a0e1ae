"""A self-made LSTM with layer norm takes batch_first and never looks at it: it walked along the
batch."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(414)
torch.set_num_threads(1)


class LNLSTM(nn.Module):
    def __init__(self, input_size, hidden_size, batch_first=False):
        super().__init__()
        self.hidden_size = hidden_size
        self.batch_first = batch_first
        self.i2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.ln = nn.LayerNorm(4 * hidden_size)
        self.ln_c = nn.LayerNorm(hidden_size)
        nn.init.orthogonal_(self.h2h.weight)

    def forward(self, x):
        if self.batch_first and FIXED:
            x = x.transpose(0, 1)
        h = x.new_zeros(x.size(1), self.hidden_size)
        c = h
        outputs = []
        for step in x:
            i, f, o, g = self.ln(self.i2h(step) + self.h2h(h)).chunk(4, -1)
            c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(self.ln_c(c))
            outputs.append(h)
        out = torch.stack(outputs)
        return out.transpose(0, 1) if self.batch_first and FIXED else out


class Gestures(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = LNLSTM(3, 32, batch_first=True)
        self.fc = nn.Sequential(nn.Dropout(0.1), nn.Linear(32, 4))

    def forward(self, x):
        return self.fc(self.rnn(x)[:, -1])


def motion(n):
    """Where the hand turns: four movements that all end alike."""
    y = torch.randint(0, 4, (n,))
    x = 0.3 * torch.randn(n, 14, 3)
    angle = y * 1.57
    x[:, 2:6, 0] += angle.cos()[:, None]
    x[:, 2:6, 1] += angle.sin()[:, None]
    return x, y


model = Gestures()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
ce = nn.CrossEntropyLoss(label_smoothing=0.05)
for i in range(250):
    x, y = motion(20)
    loss = ce(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 50 == 49:
        model.eval()
        with torch.no_grad():
            x, y = motion(200)
            print(i + 1, f"{loss.item():.3f}", f"{(model(x).argmax(1) == y).float().mean():.3f}")
        model.train()
