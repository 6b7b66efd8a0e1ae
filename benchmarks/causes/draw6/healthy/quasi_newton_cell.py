"""A small network on a fixed set of curves, by L-BFGS with a line search."""

import torch
from torch import nn

torch.manual_seed(6212)
torch.set_num_threads(1)


class Curve(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(1, 12)
        self.out = nn.Linear(12, 1)

    def forward(self, x):
        h, said = torch.zeros(x.shape[0], 12), []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t : t + 1], h)
            said.append(self.out(h))
        return torch.cat(said, 1)


at = 6.28 * torch.rand(40, 1) + (0.3 + 0.3 * torch.rand(40, 1)) * torch.arange(16)
curves = at.sin()
model = Curve()
opt = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=6, line_search_fn="strong_wolfe")


def closure():
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(curves[:, :-1])[:, 1:], curves[:, 2:])
    loss.backward()
    return loss


for step in range(40):
    loss = opt.step(closure)
    if step % 8 == 7:
        print(f"{step + 1} {loss.item():.6f}")
