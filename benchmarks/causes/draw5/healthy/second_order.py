"""L-BFGS on all rows at once, with a closure that is called several times in a step."""

import torch
from torch import nn

torch.manual_seed(5214)
torch.set_num_threads(1)

t = torch.arange(40.0)
waves = torch.sin(t / 3 + torch.rand(20, 1) * 6)
inputs, targets = waves[:, :-1, None], waves[:, 1:, None]


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 20, batch_first=True)
        self.linear = nn.Linear(20, 1)

    def forward(self, x):
        return self.linear(self.rnn(x)[0])


seq = Sequence()
criterion = nn.MSELoss()
optimizer = torch.optim.LBFGS(seq.parameters(), lr=0.7, max_iter=10)
for step in range(14):

    def closure():
        optimizer.zero_grad()
        loss = criterion(seq(inputs), targets)
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    if step % 2 == 1:
        print(f"step {step + 1} loss {loss.item():.6f}")
