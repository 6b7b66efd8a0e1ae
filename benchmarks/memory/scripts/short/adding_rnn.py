"""The sum of two marked numbers of 80."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(1)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(800):
    value, mark = torch.rand(32, 80), torch.zeros(32, 80)
    mark.scatter_(
        1, torch.stack([torch.randint(0, 30, (32,)), torch.randint(30, 60, (32,))], 1), 1.0
    )
    wanted = (value * mark).sum(1, keepdim=True)
    loss = functional.mse_loss(model(torch.stack([value, mark], 2)), wanted)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, with memory 0, without 0.167"
)
