"""Each value of the window is a step."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    start = 6 * torch.rand(16, 1)
    wave = torch.sin(start + 0.5 * torch.arange(11))
    x = wave[:, :-1].unsqueeze(2)
    loss = (head(rnn(x)[0][:, -1]) - wave[:, -1:]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
