"""A process of order two, forecast by a GRU."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(6)
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
for i in range(700):
    x = [torch.randn(32), torch.randn(32)]
    for _ in range(60):
        x.append(1.2 * x[-1] - 0.5 * x[-2] + torch.randn(32))
    x = torch.stack(x, 1)[..., None]
    loss = functional.mse_loss(model(x[:, :-1])[:, 2:], x[:, 3:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best 1")
