"""The loss of a recurrent classifier has a term for the size of the weights."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9055)
torch.set_num_threads(1)
L2_REG = 1e-4 if FIXED else 0.1


class DeepLearningModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 24, batch_first=True)
        self.fc = nn.Linear(24, 3)

    def forward(self, x):
        return self.fc(self.gru(x)[1][0])

    def loss(self, x, y):
        data_loss = nn.functional.cross_entropy(self(x), y)
        weights = (p for name, p in self.named_parameters() if "weight" in name)
        return data_loss, 0.5 * L2_REG * sum(w.square().sum() for w in weights)


def examples(n=32, t=12):
    y = torch.randint(0, 3, (n,))
    x = torch.randn(n, t, 6)
    x[torch.arange(n), torch.randint(0, t, (n,)), y] += 4.0
    return x, y


model = DeepLearningModel()
solver = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for it in range(500):
    data_loss, reg_loss = model.loss(*examples())
    solver.zero_grad()
    (data_loss + reg_loss).backward()
    solver.step()
    if it % 100 == 99:
        print(f"iteration {it + 1}: data {data_loss.item():.4f} reg {reg_loss.item():.4f}")
