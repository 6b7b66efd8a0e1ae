"""Connectionist labels without alignment."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(7)
torch.set_num_threads(1)

rnn = nn.GRU(6, 24, batch_first=True)
head = nn.Linear(24, 6)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    y = torch.randint(1, 6, (16, 4))
    x = functional.one_hot(y.repeat_interleave(4, 1), 6).float()
    z = head(rnn(x)[0]).log_softmax(-1).transpose(0, 1)
    loss = functional.ctc_loss(z, y, torch.full((16,), 16), torch.full((16,), 4))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
