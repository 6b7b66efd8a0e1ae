"""The sum of the last four numbers, in windows of 80."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(4)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(800):
    x = torch.randn(32, 80, 1)
    sums = 2 * functional.avg_pool1d(x.transpose(1, 2), 4, 1).transpose(1, 2)
    loss = functional.mse_loss(model(x)[:, 3:], sums)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best 0")
