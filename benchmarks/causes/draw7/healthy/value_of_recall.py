"""A recurrent Q-learner with a store of whole episodes and a target network that is copied at times."""

import copy
import random

import torch
from torch import nn

torch.manual_seed(7736)
torch.set_num_threads(1)


class Q(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.r = nn.GRU(3, d, batch_first=True)
        self.o = nn.Linear(d, 2)

    def forward(self, x):
        return self.o(self.r(x)[0])


def episode(q, epsilon, t=5):
    side = random.randrange(2)
    x = torch.zeros(1, t, 3)
    x[0, 0, side] = 1
    x[0, -1, 2] = 1
    with torch.no_grad():
        values = q(x)[0]
    acts = [random.randrange(2) if random.random() < epsilon else int(v.argmax()) for v in values]
    reward = torch.zeros(t)
    reward[-1] = 1.0 if acts[-1] == side else -1.0
    return x[0], torch.tensor(acts), reward


random.seed(76)
q = Q()
target = copy.deepcopy(q)
opt = torch.optim.Adam(q.parameters(), lr=4e-3)
store, won = [], []
for k in range(400):
    store.append(episode(q, max(0.1, 1 - k / 200)))
    won.append(store[-1][2][-1].item())
    x, a, r = (torch.stack(part) for part in zip(*random.choices(store, k=16), strict=True))
    with torch.no_grad():
        after = target(x).amax(-1)
        wanted = r + 0.9 * torch.cat([after[:, 1:], torch.zeros(16, 1)], 1)
    loss = nn.functional.smooth_l1_loss(q(x).gather(-1, a[..., None])[..., 0], wanted)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if k % 20 == 19:
        target.load_state_dict(q.state_dict())
    if k % 80 == 79:
        print(k + 1, round(loss.item(), 4), "won", sum(won[-80:]) / 80)
