"""The sum of signs at three places of 60; the state is detached every 6 steps."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(8)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(2, 32, batch_first=True), nn.Linear(32, 1)

    def forward(self, x):
        state = None
        for part in x.split(6, 1):
            if state is not None:
                state = tuple(one.detach() for one in state)
            out, state = self.rnn(part, state)
        return self.head(out[:, -1])


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(800):
    x = 0.1 * torch.randn(32, 60, 2)
    sign = torch.randint(2, (32, 3)) * 2.0 - 1
    x[:, [5, 30, 57], 0] = sign
    loss = functional.mse_loss(model(x), sign.sum(1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, with memory 0, without 2"
)
