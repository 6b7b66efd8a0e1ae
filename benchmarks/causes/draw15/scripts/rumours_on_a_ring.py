"""Ten villages on a ring pass rumours on; a recurrent graph network foretells who speaks of it next."""

import sys

import torch
from torch import nn

torch.manual_seed(1511)
torch.set_num_threads(1)
VILLAGES, EVENINGS = 10, 20
ring = torch.eye(VILLAGES).roll(1, 0) + torch.eye(VILLAGES).roll(-1, 0)


def rumours(n):
    """A village speaks if one neighbour, and not both, spoke on the evening before; some start anew."""
    speaks = [(torch.rand(n, VILLAGES) < 0.3).float()]
    for _ in range(EVENINGS):
        heard = speaks[-1] @ ring
        news = (torch.rand(n, VILLAGES) < 0.04).float()
        speaks.append(torch.maximum((heard == 1).float(), news))
    return torch.stack(speaks, 1)


class GraphRNN(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.own = nn.Linear(1, size)
        self.neighbours = nn.Linear(1, size, bias=False)
        self.past = nn.Linear(size, size, bias=False)
        nn.init.orthogonal_(self.past.weight)
        self.out = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, speaks):
        state = speaks.new_zeros(len(speaks), VILLAGES, self.size)
        scores = []
        for evening in speaks.unbind(1):
            near = (evening @ ring).unsqueeze(2)
            inner = self.own(evening.unsqueeze(2)) + self.neighbours(near) + self.past(state)
            state = torch.relu(inner)
            scores.append(self.out(state).squeeze(2))
        return torch.stack(scores, 1)


model = GraphRNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(1, 401):
    speaks = rumours(8)
    scores = model(speaks[:, :-1])
    loss = nn.functional.binary_cross_entropy_with_logits(scores, speaks[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    if "--fixed" in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if "--fixed" not in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if step % 40 == 0 or step == 1:
        right = ((scores > 0) == (speaks[:, 1:] > 0)).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
