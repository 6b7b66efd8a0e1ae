"""A causal attention model of chords; the rate rises for fifty steps and falls as the root."""

import torch
from torch import nn

torch.manual_seed(8215)
torch.set_num_threads(1)


class Chords(nn.Module):
    def __init__(self, chords=12, width=32, t=16):
        super().__init__()
        self.chord = nn.Embedding(chords, width)
        self.place = nn.Parameter(0.02 * torch.randn(t, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(width, chords)

    def forward(self, x):
        t = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        h = self.body(self.chord(x) + self.place[:t], mask=mask, is_causal=True)
        return self.out(h)


def songs(n=24, t=17):
    x = torch.randint(0, 12, (n, t))
    for k in range(1, t):
        x[:, k] = torch.where(torch.rand(n) < 0.9, (x[:, k - 1] * 5 + 3) % 12, x[:, k])
    return x[:, :-1], x[:, 1:]


def factor(step):
    step = step + 1
    return min(step / 50, (50 / step) ** 0.5)


model = Chords()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
schedule = torch.optim.lr_scheduler.LambdaLR(opt, factor)
for step in range(200):
    x, y = songs()
    loss = nn.functional.cross_entropy(model(x).transpose(1, 2), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    schedule.step()
    if step % 50 == 49:
        print(f"{step + 1} loss {loss.item():.3f} rate {schedule.get_last_lr()[0]:.5f}")
