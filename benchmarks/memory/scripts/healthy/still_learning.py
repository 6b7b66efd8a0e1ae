"""The sum of two marked numbers of 20, ended while the loss falls."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(12)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(450):
    value, mark = torch.rand(32, 20), torch.zeros(32, 20)
    mark.scatter_(
        1, torch.stack([torch.randint(0, 10, (32,)), torch.randint(10, 20, (32,))], 1), 1.0
    )
    loss = functional.mse_loss(
        model(torch.stack([value, mark], 2)), (value * mark).sum(1, keepdim=True)
    )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best 0, without memory 0.167"
)
