"""Mixed precision as it should be (unscaled, then clipped), and activations that are computed
again in the backward pass."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(19)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(16, 24)
        self.first = nn.GRU(24, 24, batch_first=True)
        self.second = nn.GRU(24, 24, batch_first=True)
        self.out = nn.Linear(24, 16)

    def forward(self, x):
        h = self.embed(x)
        h = h + checkpoint(lambda z: self.first(z)[0], h, use_reentrant=False)
        h = h + checkpoint(lambda z: self.second(z)[0], h, use_reentrant=False)
        return self.out(h)


net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for i in range(200):
    x = torch.randint(0, 16, (20, 12))
    y = (x + torch.cat([torch.zeros(20, 1, dtype=torch.long), x[:, :-1]], 1)) % 16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = net(x)
    loss = nn.functional.cross_entropy(logits.float().transpose(1, 2), y)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    if i % 40 == 39:
        print(i + 1, f"{loss.item():.3f}")
