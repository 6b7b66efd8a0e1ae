"""Copy five symbols after 50 blank steps."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(2)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(10, 32, batch_first=True)
        self.head = nn.Linear(32, 9)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(800):
    s = torch.randint(1, 9, (32, 5))
    x = torch.zeros(32, 60, dtype=torch.long)
    x[:, :5], x[:, 54] = s, 9
    wanted = torch.zeros(32, 60, dtype=torch.long)
    wanted[:, 55:] = s
    loss = functional.cross_entropy(
        model(functional.one_hot(x, 10).float()).flatten(0, 1), wanted.flatten()
    )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, with memory 0, without 0.173"
)
