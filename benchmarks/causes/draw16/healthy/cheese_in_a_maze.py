"""A mouse sees at the door of a maze where the cheese lies and turns five steps later: recurrent Q-learning."""

import copy

import torch
from torch import nn

torch.manual_seed(16102)
torch.set_num_threads(1)
CORRIDOR, MICE, GAMMA, COPY_EVERY = 5, 16, 0.9, 25
WALK, LEFT, RIGHT = 0, 1, 2


class QNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.GRU(4, size, batch_first=True)
        self.q = nn.Linear(size, 3)

    def forward(self, seen, state=None):
        out, state = self.rnn(seen, state)
        return self.q(out), state


def look(side, at):
    """What is seen: the sign (at the door only), whether this is the fork, how far it is."""
    seen = torch.zeros(len(side), 1, 4)
    if at == 0:
        seen[:, 0, :2] = nn.functional.one_hot(side, 2).float()
    seen[:, 0, 2], seen[:, 0, 3] = float(at == CORRIDOR), at / CORRIDOR
    return seen


@torch.no_grad()
def play(net, mice, epsilon):
    """Turning in the corridor costs a little and leaves the mouse walking on; the fork ends the run."""
    side, state, rows = torch.randint(0, 2, (mice,)), None, []
    for at in range(CORRIDOR + 1):
        seen = look(side, at)
        q, state = net(seen, state)
        chance = torch.rand(mice) < epsilon
        act = torch.where(chance, torch.randint(0, 3, (mice,)), q[:, 0].argmax(1))
        if at < CORRIDOR:
            reward = -0.1 * act.ne(WALK).float()
        else:
            reward = torch.where(act == side + 1, 1.0, -1.0)
        rows.append((seen[:, 0], act, reward))
    return [torch.stack(r, dim=1) for r in zip(*rows, strict=True)]


net = QNet()
target = copy.deepcopy(net).requires_grad_(False)
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
memory = []
for step in range(1, 501):
    memory.append(play(net, MICE, max(0.1, 1 - step / 250)))
    memory = memory[-60:]
    picked = [memory[i] for i in torch.randint(0, len(memory), (3,)).tolist()]
    seen, act, reward = (torch.cat(part) for part in zip(*picked, strict=True))
    q = net(seen)[0].gather(2, act.unsqueeze(2)).squeeze(2)
    with torch.no_grad():
        ahead = target(seen)[0].max(dim=2).values[:, 1:]
        wanted = reward + GAMMA * torch.cat([ahead, torch.zeros(len(ahead), 1)], dim=1)
    loss = nn.functional.smooth_l1_loss(q, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % COPY_EVERY == 0:
        target.load_state_dict(net.state_dict())
    if step % 50 == 0:
        won = play(net, 200, 0.0)[2].sum(1).mean().item()
        print(f"step {step} loss {loss.item():.4f} reward of a run {won:.3f}")
