"""The model answered at each of its steps, and the one value that was wanted, the next one, was
spread over all of them by the loss."""

import sys
import warnings

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5112)
torch.set_num_threads(1)
warnings.simplefilter("ignore")


class MatrixMemory(nn.Module):
    """A linear memory of outer products with one input gate and one forget gate."""

    def __init__(self, d=12):
        super().__init__()
        self.d = d
        self.embed = nn.Linear(1, d)
        self.qkv = nn.Linear(d, 3 * d)
        self.gates = nn.Linear(d, 2)
        self.read = nn.Linear(2 * d, 1)

    def forward(self, x):
        memory = x.new_zeros(x.shape[0], self.d, self.d)
        out = []
        for t in range(x.shape[1]):
            e = torch.tanh(self.embed(x[:, t]))
            q, k, v = self.qkv(e).chunk(3, -1)
            i, f = torch.sigmoid(self.gates(e)).chunk(2, -1)
            memory = f[..., None] * memory + i[..., None] * v[..., None] * k[:, None]
            out.append(self.read(torch.cat([torch.einsum("bij,bj->bi", memory, q), e], -1)))
        return torch.stack(out, 1)


def windows(n=24, t=10):
    a = torch.rand(n, 1, 1) * 6.28
    w = 0.4 + torch.rand(n, 1, 1)
    wave = torch.sin(a + w * torch.arange(t + 1.0)[None, :, None])
    return wave[:, :-1], wave[:, -1:]


model = MatrixMemory()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(500):
    x, y_true = windows()
    y_pred = model(x)
    if FIXED:
        y_pred = y_pred[:, -1:]
    loss = criterion(y_pred, y_true)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        with torch.no_grad():
            x, y_true = windows(128)
            ahead = (model(x)[:, -1:] - y_true).square().mean().item()
        print(f"Epoch {epoch + 1}, loss {loss.item():.4f}, next value {ahead:.4f}")
