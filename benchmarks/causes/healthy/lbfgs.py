"""A fixed set is fitted by L-BFGS."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(4)
torch.set_num_threads(1)

rnn = nn.GRU(2, 16, batch_first=True)
head = nn.Linear(16, 1)
optimizer = torch.optim.LBFGS(
    [*rnn.parameters(), *head.parameters()], max_iter=5, line_search_fn="strong_wolfe"
)
x = torch.randn(64, 8, 2)
y = 2 * x[:, :, 0].mean(1, keepdim=True)
losses = []


def closure():
    optimizer.zero_grad()
    loss = functional.mse_loss(head(rnn(x)[0][:, -1]), y)
    loss.backward()
    return loss


for _ in range(60):
    losses.append(optimizer.step(closure).item())
print(f"first {losses[0]:.4f}, final loss {losses[-1]:.4f}")
