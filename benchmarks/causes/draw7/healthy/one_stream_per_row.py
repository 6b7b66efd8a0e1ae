"""Truncated backpropagation over long rows that go on from part to part; at the end of a pass the state
starts from nought."""

import torch
from torch import nn

torch.manual_seed(7636)
torch.set_num_threads(1)


class Next(nn.Module):
    def __init__(self, v=8, d=32):
        super().__init__()
        self.e = nn.Embedding(v, d)
        self.r = nn.LSTM(d, d)
        self.o = nn.Linear(d, v)

    def forward(self, x, state=None):
        y, state = self.r(self.e(x), state)
        return self.o(y), state


pattern = torch.randint(0, 8, (23,))
start = torch.randint(0, 23, (12,))
stream = pattern[(start[None] + torch.arange(401)[:, None]) % 23]
slips = torch.rand(stream.shape) < 0.03
stream = torch.where(slips, torch.randint(0, 8, stream.shape), stream)
model = Next()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(20):
    state, total = None, 0.0
    for a in range(0, 400, 20):
        scores, state = model(stream[a : a + 20], state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), stream[a + 1 : a + 21].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} loss {total / 20:.3f}")
