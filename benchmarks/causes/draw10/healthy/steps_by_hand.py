"""A GRU learns to smooth what it hears; the steps are taken by hand, without an optimizer."""

import torch
from torch import nn

torch.manual_seed(201)
torch.set_num_threads(1)
gru, head = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)
weights = [*gru.parameters(), *head.parameters()]
speed = [torch.zeros_like(w) for w in weights]
learning_rate, momentum = 0.08, 0.9
for step in range(500):
    x, smooth, wanted = torch.randn(32, 10, 1), torch.zeros(32, 1), []
    for now in x.unbind(1):
        smooth = 0.6 * smooth + 0.4 * now
        wanted.append(smooth)
    loss = (head(gru(x)[0]) - torch.stack(wanted, 1)).square().mean()
    loss.backward()
    with torch.no_grad():
        for w, v in zip(weights, speed, strict=True):
            v.mul_(momentum).add_(w.grad)
            w -= learning_rate * v
            w.grad = None
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.5f}")
