"""Own updates without an optimizer: gradients are taken by hand, limited, and applied in place."""

import torch
from torch import nn

torch.manual_seed(5224)
torch.set_num_threads(1)

size, vocab = 32, 10
wxh = nn.Parameter(torch.randn(vocab, size) * 0.3)
whh = nn.Parameter(torch.randn(size, size) * 0.15)
bh = nn.Parameter(torch.zeros(size))
why = nn.Parameter(torch.randn(size, vocab) * 0.1)
by = nn.Parameter(torch.zeros(vocab))
params = [wxh, whh, bh, why, by]


def loss_of(x, y):
    h, total = torch.zeros(x.shape[0], size), 0.0
    for t in range(x.shape[1]):
        h = torch.tanh(wxh[x[:, t]] + h @ whh + bh)
        total = total + nn.functional.cross_entropy(h @ why + by, y[:, t])
    return total / x.shape[1]


for it in range(400):
    x = torch.randint(0, vocab, (20, 9))
    for t in range(2, 9):
        keep = torch.rand(20) < 0.9
        x[keep, t] = (x[keep, t - 1] + 3 * (x[keep, t - 2] > 4).long() + 1) % vocab
    loss = loss_of(x[:, :-1], x[:, 1:])
    loss.backward()
    norm = torch.sqrt(sum(p.grad.square().sum() for p in params))
    scale = min(1.0, 1.0 / norm.item())
    with torch.no_grad():
        for p in params:
            p -= 0.4 * scale * p.grad
            p.grad = None
    if it % 80 == 79:
        print(f"{it + 1} {loss.item():.3f}")
