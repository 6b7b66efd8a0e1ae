"""The first number's sign over 40 steps, by an orthogonal RNN."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(11)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 32, batch_first=True)
        self.head = nn.Linear(32, 1)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(800):
    x = 0.1 * torch.randn(32, 40, 2)
    sign = torch.randint(2, (32, 1)) * 2.0 - 1
    x[:, 0, 0] = sign[:, 0]
    loss = functional.mse_loss(model(x), sign)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best 0")
