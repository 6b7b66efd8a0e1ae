"""The number of recurrent layers is an option; predicts the parity of the ones read so far."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(102)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, num_layers=2, hidden=24):
        super().__init__()
        self.inp = nn.Linear(1, hidden)
        cells = [nn.GRUCell(hidden, hidden) for _ in range(num_layers)]
        self.cells = nn.ModuleList(cells) if FIXED else cells
        self.hidden = hidden
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        h = [x.new_zeros(len(x), self.hidden) for _ in self.cells]
        outs = []
        for t in range(x.shape[1]):
            y = self.inp(x[:, t])
            for i, cell in enumerate(self.cells):
                h[i] = y = cell(y, h[i])
            outs.append(self.out(y))
        return torch.stack(outs, 1)


net = Net()
print("parameters:", sum(p.numel() for p in net.parameters()))
optim = torch.optim.Adam(net.parameters(), lr=0.003)
loss_fn = nn.CrossEntropyLoss()
for it in range(500):
    bits = torch.randint(0, 2, (32, 7))
    parity = bits.cumsum(1) % 2
    optim.zero_grad()
    pred = net(2.0 * bits[..., None].float() - 1.0)
    loss = loss_fn(pred.reshape(-1, 2), parity.reshape(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optim.step()
    if (it + 1) % 100 == 0:
        print(f"iter {it + 1} loss {loss.item():.4f}")
