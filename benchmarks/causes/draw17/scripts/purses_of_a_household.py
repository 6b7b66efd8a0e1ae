"""How much is left in each of two purses, after an opening sum and many small coins paid out?"""

import sys

import torch
from torch import nn

torch.manual_seed(452)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
PURSES, COINS, BATCH = 2, 140, 32


def household(n):
    """Which purse each entry belongs to, its amount, and what the purses hold in the end."""
    openings = torch.arange(PURSES).expand(n, PURSES)
    entries = torch.cat([openings, torch.randint(PURSES, (n, COINS))], 1)
    thrift = 0.005 * torch.rand(n, PURSES)
    coins = -thrift.gather(1, entries[:, PURSES:]) * (0.5 + torch.rand(n, COINS))
    amounts = torch.cat([1.2 + 0.5 * torch.rand(n, PURSES), coins], 1)
    left = torch.zeros(n, PURSES).scatter_add_(1, entries, amounts)
    return entries, amounts, left


class LinearAttention(nn.Module):
    """A memory of outer products that forgets a little at each step."""

    def __init__(self, dim=8, state_dtype=torch.bfloat16):
        super().__init__()
        self.state_dtype = state_dtype
        self.to_key = nn.Linear(dim, dim, bias=False)
        self.to_query = nn.Linear(dim, dim, bias=False)
        self.to_value = nn.Linear(1, dim, bias=False)
        self.forget = nn.Parameter(torch.full((dim, 1), 7.0))
        self.norm = dim**-0.5

    def forward(self, names, amounts, asked):
        keys = self.to_key(names)
        values = self.to_value(amounts[..., None])
        gate = torch.sigmoid(self.forget)
        state = torch.zeros(len(names), keys.shape[2], values.shape[2], dtype=self.state_dtype)
        writes = (keys[..., None] * values[:, :, None]).unbind(1)
        for write in writes:
            state = (gate * state.float() + write).to(self.state_dtype)
        return self.norm * self.to_query(asked) @ state.float()


class PurseNet(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.names = nn.Embedding(PURSES, dim)
        nn.init.orthogonal_(self.names.weight, gain=2.0)
        dtype = torch.float32 if FIXED else torch.bfloat16
        self.memory = LinearAttention(dim, state_dtype=dtype)
        self.out = nn.Linear(dim, 1)

    def forward(self, entries, amounts):
        read = self.memory(self.names(entries), amounts, self.names.weight)
        return self.out(read).squeeze(-1)


@torch.no_grad()
def explained(model):
    entries, amounts, left = household(400)
    rest = (model(entries, amounts) - left).pow(2).mean()
    return 1 - (rest / left.var()).item()


net = PurseNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400, eta_min=5e-4)
for step in range(1, 401):
    entries, amounts, left = household(BATCH)
    loss = nn.functional.mse_loss(net(entries, amounts), left)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 2.0)
    optimizer.step()
    schedule.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.5f} explained of the sums {explained(net):.3f}")
