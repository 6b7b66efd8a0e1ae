"""The first number's sign and the last one's, over 100 steps of noise, with two layers."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(11)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 32, 2, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(500):
    x = torch.randn(32, 100, 3)
    sign = torch.randint(2, (32, 2)) * 2.0 - 1
    x[:, [0, 99], 0] = sign
    loss = functional.mse_loss(model(x), sign)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, with memory 0, without 0.5"
)
