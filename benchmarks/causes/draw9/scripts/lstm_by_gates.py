"""An LSTM with each gate written out recalls the first of some symbols."""

import sys

import torch

FIXED = "--fixed" in sys.argv
torch.manual_seed(9018)
torch.set_num_threads(1)


def rand_arr(a, b, *shape):
    arr = torch.full(shape, (b - a) / 2)
    if FIXED:
        arr = torch.rand(*shape) * (b - a) + a
    return arr.requires_grad_()


class LstmParam:
    def __init__(self, mem_cells, x_dim, y_dim):
        concat = mem_cells + x_dim
        self.mem_cells = mem_cells
        self.wg = rand_arr(-0.2, 0.2, concat, mem_cells)
        self.wi = rand_arr(-0.2, 0.2, concat, mem_cells)
        self.wf = rand_arr(-0.2, 0.2, concat, mem_cells)
        self.wo = rand_arr(-0.2, 0.2, concat, mem_cells)
        self.bf = torch.ones(mem_cells, requires_grad=True)
        self.wy = rand_arr(-0.2, 0.2, mem_cells, y_dim)
        self.by = torch.zeros(y_dim, requires_grad=True)

    def all(self):
        return [self.wg, self.wi, self.wf, self.wo, self.bf, self.wy, self.by]


def run(param, x):
    h = s = torch.zeros(x.shape[0], param.mem_cells)
    for t in range(x.shape[1]):
        xc = torch.cat([x[:, t], h], 1)
        g, i = torch.tanh(xc @ param.wg), torch.sigmoid(xc @ param.wi)
        f, o = torch.sigmoid(xc @ param.wf + param.bf), torch.sigmoid(xc @ param.wo)
        s = g * i + s * f
        h = torch.tanh(s) * o
    return h @ param.wy + param.by


param = LstmParam(24, 9, 8)
optimizer = torch.optim.Adam(param.all(), lr=1e-2)
for cur_iter in range(400):
    symbol = torch.randint(0, 8, (32,))
    x = torch.zeros(32, 5, 9)
    x[torch.arange(32), 0, symbol] = 1.0
    x[:, 1:, 8] = torch.randn(32, 4)
    loss = torch.nn.functional.cross_entropy(run(param, x), symbol)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if cur_iter % 80 == 79:
        print(f"iter {cur_iter + 1} loss: {loss.item():.4f}")
