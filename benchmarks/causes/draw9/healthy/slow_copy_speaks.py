"""A causal convolution net with a slow copy (EMA) that is the one to be looked at."""

import torch
from torch import nn

torch.manual_seed(9113)
torch.set_num_threads(1)


class CausalConv(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.pad = 2 * dilation
        self.conv = nn.Conv1d(width, width, 3, dilation=dilation)

    def forward(self, x):
        return x + self.conv(nn.functional.pad(x, (self.pad, 0))).relu()


class TCN(nn.Module):
    def __init__(self, symbols=10, width=24):
        super().__init__()
        self.embed = nn.Embedding(symbols, width)
        self.blocks = nn.Sequential(*[CausalConv(width, d) for d in (1, 2, 4)])
        self.out = nn.Linear(width, symbols)

    def forward(self, x):
        return self.out(self.blocks(self.embed(x).transpose(1, 2)).transpose(1, 2))


def batch(n=24, t=20):
    x = [torch.randint(0, 10, (n,)) for _ in range(5)]
    while len(x) <= t:
        x.append((x[-5] + x[-1]) % 10)
    return torch.stack(x, 1)


model = TCN()
slow = torch.optim.swa_utils.AveragedModel(
    model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.97)
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    x = batch()
    loss = nn.functional.cross_entropy(model(x[:, :-1])[:, 5:].transpose(1, 2), x[:, 6:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    slow.update_parameters(model)
    if step % 80 == 79:
        with torch.no_grad():
            x = batch()
            said = slow(x[:, :-1])[:, 5:]
            held = nn.functional.cross_entropy(said.transpose(1, 2), x[:, 6:])
        print(f"step {step + 1} loss {loss.item():.4f}, slow copy {held.item():.4f}")
