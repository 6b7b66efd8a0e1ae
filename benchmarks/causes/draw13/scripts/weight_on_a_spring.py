"""A weight on a spring is pushed about; a recurrent net says where it is after every push."""

import sys

import torch
from torch import nn

torch.manual_seed(1340)
torch.set_num_threads(1)


class SpringNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.GRU(1, size, batch_first=True)
        self.place = nn.Linear(size, 1)

    def forward(self, push):
        return self.place(self.rnn(push)[0])


class Learner:
    def __init__(self, model, lr):
        self.model, self.lr = model, lr
        self.optimizer = self.create()

    def create(self):
        return torch.optim.Adam(self.model.parameters(), lr=self.lr)

    def train(self, push, place):
        if "--fixed" not in sys.argv:
            self.optimizer = self.create()
        loss = nn.functional.mse_loss(self.model(push), place)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def springs(n=32, length=24):
    push = torch.randn(n, length)
    x, v = torch.zeros(n), torch.zeros(n)
    places = []
    for t in range(length):
        v = 0.9 * v - 0.2 * x + 0.4 * push[:, t]
        x = x + v
        places.append(x)
    return push[..., None], torch.stack(places, 1)[..., None]


learner = Learner(SpringNet(), lr=4e-3)
push_val, place_val = springs(300)
for i in range(1, 601):
    loss = learner.train(*springs())
    if i % 60 == 0:
        with torch.no_grad():
            val = nn.functional.mse_loss(learner.model(push_val), place_val).item()
        print(f"step {i} loss {loss:.4f} val {val:.4f} (variance {place_val.var():.3f})")
