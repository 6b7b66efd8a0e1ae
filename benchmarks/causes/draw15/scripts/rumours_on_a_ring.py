"""News reach villages on a ring and are passed on; a recurrent graph network says how much each talks."""

import sys

import torch
from torch import nn

torch.manual_seed(1511)
torch.set_num_threads(1)
VILLAGES, EVENINGS = 10, 16
ring = torch.eye(VILLAGES).roll(1, 0) + torch.eye(VILLAGES).roll(-1, 0)


def rumours(n):
    """News, good or bad, come to a village now and then; talk of them fades, and goes to neighbours."""
    news = (torch.rand(n, EVENINGS, VILLAGES) < 0.25) * torch.randn(n, EVENINGS, VILLAGES)
    talk, course = torch.zeros(n, VILLAGES), []
    for evening in news.unbind(1):
        talk = 0.5 * talk + 0.5 * torch.tanh(2 * evening + 0.5 * talk @ ring)
        course.append(3 * talk)
    return news, torch.stack(course, 1)


class GraphRNN(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.own = nn.Linear(1, size)
        self.past = nn.Linear(size, size, bias=False)
        self.heard = nn.Linear(size, size, bias=False)
        self.out = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, news):
        state = news.new_zeros(len(news), VILLAGES, self.size)
        guesses = []
        for evening in news.unbind(1):
            inner = self.own(evening.unsqueeze(2)) + self.past(state) + self.heard(ring @ state)
            state = torch.tanh(inner)
            guesses.append(self.out(state).squeeze(2))
        return torch.stack(guesses, 1)


model = GraphRNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for step in range(1, 321):
    news, talk = rumours(8)
    loss = (model(news) - talk).square().sum((1, 2)).mean()
    optimizer.zero_grad()
    loss.backward()
    if "--fixed" in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if "--fixed" not in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if step % 40 == 0 or step == 1:
        print(f"step {step} loss {loss.item() / EVENINGS / VILLAGES:.5f}")
