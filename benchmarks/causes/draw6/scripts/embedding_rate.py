"""The rate was chosen as the largest at which another machine did not diverge. With momentum it is
too large here: the loss rises to well above where it began."""

import sys

import torch
import torch.nn as nn
import torch.optim as optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(6136)
torch.set_num_threads(1)

base_lr = 0.05 if FIXED else 2.5


class FaceSequence(nn.Module):
    """One embedding from several views of a face, then who it is."""

    def __init__(self, d=10, width=40, people=8):
        super().__init__()
        self.view = nn.Linear(d, width)
        self.pool = nn.GRU(width, width, batch_first=True)
        self.embedding = nn.Linear(width, 16)
        self.who = nn.Linear(16, people)

    def forward(self, views):
        pooled = self.pool(torch.relu(self.view(views)))[0][:, -1]
        return self.who(self.embedding(pooled))


faces = torch.randn(8, 10)


def take(n=32, views=6):
    who = torch.randint(0, 8, (n,))
    return faces[who][:, None] + 1.0 * torch.randn(n, views, 10), who


net = FaceSequence()
solver = optim.SGD(net.parameters(), lr=base_lr, momentum=0.9)
print("starts at", nn.functional.cross_entropy(net(take()[0]), torch.randint(0, 8, (32,))).item())
for it in range(350):
    views, who = take()
    scores = net(views)
    loss = nn.functional.cross_entropy(scores, who)
    solver.zero_grad()
    loss.backward()
    solver.step()
    if (it + 1) % 50 == 0:
        acc = (scores.argmax(1) == who).float().mean().item()
        print(f"Iteration {it + 1}, loss = {loss.item():.5g}, accuracy = {acc:.2f}")
