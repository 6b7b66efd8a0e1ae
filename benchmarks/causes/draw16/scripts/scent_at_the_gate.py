"""A hound smells one of four scents at the gate and has to point it out after a walk past other smells."""

import sys

import torch
from torch import nn

torch.manual_seed(1641)
torch.set_num_threads(1)
SCENTS, WALK = 4, 10


def walks(n):
    scent = torch.randint(0, SCENTS, (n,))
    smells = 0.3 * torch.randn(n, WALK, SCENTS + 1)
    smells[:, 0, :SCENTS] += 2 * nn.functional.one_hot(scent, SCENTS)
    smells[:, 0, SCENTS] += 1
    return smells, scent


class HandMadeRNN(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.size = size
        self.W_xh = nn.Parameter(torch.randn(SCENTS + 1, size) / (SCENTS + 1) ** 0.5)
        self.W_hh = nn.Parameter(torch.empty(size, size))
        self.b_h = nn.Parameter(torch.zeros(size))
        self.readout = nn.Linear(size, SCENTS)
        self.init_weights()

    def init_weights(self):
        nn.init.orthogonal_(self.W_hh)

    def init_hidden(self, batch_size):
        if "--fixed" not in sys.argv:
            self.init_weights()
        return torch.zeros(batch_size, self.size)

    def forward(self, smells):
        h = self.init_hidden(len(smells))
        for x in smells.unbind(1):
            h = torch.tanh(x @ self.W_xh + h @ self.W_hh + self.b_h)
        return self.readout(h)


model = HandMadeRNN()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
test_smells, test_scent = walks(400)
for step in range(1, 401):
    smells, scent = walks(32)
    loss = nn.functional.cross_entropy(model(smells), scent)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_smells).argmax(1) == test_scent).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test right {right:.3f}")
