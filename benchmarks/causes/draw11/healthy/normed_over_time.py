"""BatchNorm over sequences, between a recurrent layer and the tags it gives at each step."""

import torch
from torch import nn

torch.manual_seed(11109)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 24, batch_first=True, bidirectional=True)
        self.bn = nn.BatchNorm1d(48)
        self.tag = nn.Linear(48, 3)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.tag(self.bn(h.transpose(1, 2)).transpose(1, 2))


model = Tagger().train()
optimizer = torch.optim.SGD(model.parameters(), lr=0.04, momentum=0.9)
for step in range(1, 401):
    x = torch.randn(24, 12, 2).cumsum(1) / 2
    slope = nn.functional.pad(x[:, 1:, 0] - x[:, :-1, 0], (1, 0))
    tags = (slope > -0.25).long() + (slope > 0.25).long()
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step} loss {loss.item():.4f}")
