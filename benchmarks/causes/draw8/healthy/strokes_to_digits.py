"""Frames without borders are read as rows of digits, by a loss over all ways to set them."""

import torch
from torch import nn

torch.manual_seed(8218)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self, width=40, digits=6):
        super().__init__()
        self.rnn = nn.GRU(8, width, bidirectional=True)
        self.out = nn.Linear(2 * width, digits + 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0]).log_softmax(-1)


shapes = torch.randn(7, 8)


def lines(n=24, digits=4):
    label = torch.randint(1, 7, (n, digits))
    rows = []
    for row in label:
        frames = []
        for digit in row:
            frames += [shapes[0]] + [shapes[digit]] * int(torch.randint(1, 4, ()))
        frames += [shapes[0]] * (18 - len(frames))
        rows.append(torch.stack(frames))
    x = torch.stack(rows, 1)
    return x + 0.2 * torch.randn_like(x), label


model = Reader()
opt = torch.optim.Adam(model.parameters(), lr=6e-3)
ctc = nn.CTCLoss(blank=0)
frames, digits = torch.full((24,), 18), torch.full((24,), 4)
for step in range(220):
    x, label = lines()
    loss = ctc(model(x), label, frames, digits)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    opt.step()
    if step % 55 == 54:
        print(f"{step + 1} {loss.item():.3f}")
