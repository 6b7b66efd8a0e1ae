"""An Elman cell out of plain tensors, moved by hand, learns to add up digits modulo four."""

import sys

import torch

FIXED = "--fixed" in sys.argv
gen = torch.Generator().manual_seed(9002)
torch.set_num_threads(1)
H = 32


def leaf(*shape, std):
    return (std * torch.randn(*shape, generator=gen)).requires_grad_()


params = {
    "wx": leaf(4, H, std=0.5),
    "wh": leaf(H, H, std=H**-0.5),
    "b": leaf(H, std=0.1),
    "wo": leaf(H, 4, std=H**-0.5),
    "bo": leaf(4, std=0.01),
}


def forward(digits):
    h = torch.zeros(len(digits), H)
    for t in range(digits.shape[1]):
        h = torch.tanh(params["wx"][digits[:, t]] + h @ params["wh"] + params["b"])
    return h @ params["wo"] + params["bo"]


learning_rate = 0.15
for k in range(900):
    digits = torch.randint(0, 4, (64, 3), generator=gen)
    total = digits.sum(1) % 4
    data_loss = torch.nn.functional.cross_entropy(forward(digits), total)
    if FIXED:
        for p in params.values():
            p.grad = None
    data_loss.backward()
    with torch.no_grad():
        for p in params.values():
            p -= learning_rate * p.grad
    if k % 150 == 149:
        print(f"step {k + 1} loss {data_loss.item():.4f}")
