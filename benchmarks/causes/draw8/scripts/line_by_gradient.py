"""Three tensors and a loop: a recurrent filter fitted by its own gradient, without an optimizer."""

import sys

import torch

FIXED = "--fixed" in sys.argv
torch.manual_seed(8105)
torch.set_num_threads(1)

size, rate = 10, 0.05
w_in = (0.3 * torch.randn(1, size)).requires_grad_()
w_rec = (0.3 * torch.randn(size, size)).requires_grad_()
w_out = (0.3 * torch.randn(size, 1)).requires_grad_()
bias = torch.zeros(1, requires_grad=True)
parts = [w_in, w_rec, w_out, bias]


def forward(x):
    h = torch.zeros(x.shape[0], size)
    outs = []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t : t + 1] @ w_in + h @ w_rec)
        outs.append(h @ w_out + bias)
    return torch.cat(outs, 1)


for step in range(300):
    x = torch.randn(40, 12)
    y = 0.6 * x
    y[:, 1:] += 0.5 * x[:, :-1]
    loss = ((forward(x) - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for part in parts:
            part -= rate * part.grad
            if FIXED:
                part.grad.zero_()
    if (step + 1) % 50 == 0:
        print(step + 1, f"{loss.item():.4f}")
