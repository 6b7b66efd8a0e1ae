"""Two views of a recording are pulled together and the others of the batch pushed away, with a learned
temperature."""

import torch
from torch import nn

torch.manual_seed(7650)
torch.set_num_threads(1)


class Encoder(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.gru = nn.GRU(3, d, batch_first=True)
        self.proj = nn.Linear(d, 16)
        self.log_scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, x):
        return nn.functional.normalize(self.proj(self.gru(x)[1][0]), dim=1)


def views(n=48, t=14):
    base = torch.randn(n, 1, 3)
    return [base + 0.5 * torch.randn(n, t, 3) for _ in range(2)]


enc = Encoder()
opt = torch.optim.AdamW(enc.parameters(), lr=4e-3, weight_decay=0.01)
labels = torch.arange(48)
for step in range(250):
    a, b = (enc(v) for v in views())
    scores = enc.log_scale.exp() * a @ b.T
    loss = (
        nn.functional.cross_entropy(scores, labels) + nn.functional.cross_entropy(scores.T, labels)
    ) / 2
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(f"step {step + 1} loss {loss.item():.3f}")
