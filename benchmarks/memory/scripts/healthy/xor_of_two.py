"""Whether the last two symbols differ, by a loop over LSTM cells."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(13)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.LSTMCell(2, 32), nn.Linear(32, 2)

    def forward(self, x):
        state, out = None, []
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            out.append(self.head(state[0]))
        return torch.stack(out, 1)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(500):
    s = torch.randint(2, (32, 30))
    logits = model(functional.one_hot(s, 2).float())
    loss = functional.cross_entropy(
        logits[:, 1:].flatten(0, 1), (s[:, 1:] != s[:, :-1]).long().flatten()
    )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best 0")
