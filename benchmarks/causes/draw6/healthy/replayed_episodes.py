"""Q-values from a memory of episodes: whole episodes are replayed from their start, and the targets
come from a slower copy that no optimizer holds."""

import copy
import random

import torch
from torch import nn

random.seed(6218)
torch.manual_seed(6218)
torch.set_num_threads(1)

LENGTH = 6


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 32, batch_first=True)
        self.q = nn.Linear(32, 2)

    def forward(self, seen, h=None):
        out, h = self.gru(seen, h)
        return self.q(out), h


def episode(net, eps):
    """The lamp of the first step says which lever pays at the last; walking costs a little."""
    lamp = random.randint(0, 1)
    seen, acts, rewards, h = [], [], [], None
    for t in range(LENGTH):
        x = torch.zeros(4)
        x[lamp] = float(t == 0)
        x[2], x[3] = t / LENGTH, float(t == LENGTH - 1)
        with torch.no_grad():
            q, h = net(x[None, None], h)
        a = random.randint(0, 1) if random.random() < eps else int(q[0, 0].argmax())
        seen.append(x)
        acts.append(a)
        rewards.append(float(a == lamp) if t == LENGTH - 1 else -0.1 * (a == 1))
    return torch.stack(seen), torch.tensor(acts), torch.tensor(rewards)


net = QNet()
target = copy.deepcopy(net).requires_grad_(False)
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
memory = [episode(net, 1.0) for _ in range(60)]
for step in range(300):
    memory.append(episode(net, max(0.1, 1 - step / 150)))
    rows = random.sample(memory[-200:], 24)
    seen, acts, rewards = (torch.stack(column) for column in zip(*rows, strict=True))
    q = net(seen)[0].gather(2, acts[..., None])[..., 0]
    after = target(seen)[0].amax(-1)
    wanted = rewards.clone()
    wanted[:, :-1] += 0.95 * after[:, 1:]
    loss = nn.functional.smooth_l1_loss(q, wanted)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
            slow.lerp_(fast, 0.05)
    if step % 60 == 59:
        score = sum(episode(net, 0.0)[2].sum().item() for _ in range(20)) / 20
        print(f"step {step + 1} loss {loss.item():.4f} return {score:.2f}")
