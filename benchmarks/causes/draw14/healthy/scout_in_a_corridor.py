"""A scout is told at the door which way to turn, walks on, and turns: a recurrent policy learns it."""

import torch
from torch import nn

torch.manual_seed(1432)
torch.set_num_threads(1)
SCOUTS, WALK, SIZE = 32, 5, 32


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.see = nn.Linear(4, 24)
        self.memory = nn.GRUCell(24, SIZE)
        self.act = nn.Linear(SIZE, 3)

    def forward(self, seen, h):
        h = self.memory(torch.tanh(self.see(seen)), h)
        return torch.distributions.Categorical(logits=self.act(h)), h


def episode(policy):
    """Action 0 walks on; at the end 1 and 2 turn. Walking pays a little, the right turn pays 1."""
    sign = torch.randint(0, 2, (SCOUTS,))
    h = torch.zeros(SCOUTS, SIZE)
    log_probs, rewards, entropies = [], [], []
    for k in range(WALK + 1):
        seen = torch.zeros(SCOUTS, 4)
        seen[:, 3] = float(k == WALK)
        seen[:, 2] = 1.0
        if k == 0:
            seen[torch.arange(SCOUTS), sign] = 1.0
        choice, h = policy(seen, h)
        action = choice.sample()
        log_probs.append(choice.log_prob(action))
        entropies.append(choice.entropy())
        wanted = 1 + sign if k == WALK else torch.zeros_like(sign)
        rewards.append((action == wanted).float() * (1.0 if k == WALK else 0.2))
    return torch.stack(log_probs), torch.stack(rewards), torch.stack(entropies)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
mean_return = []
for update in range(1, 401):
    log_probs, rewards, entropies = episode(policy)
    to_go = rewards.flip(0).cumsum(0).flip(0)
    advantage = to_go - to_go.mean(1, keepdim=True)
    loss = -(log_probs * advantage).mean() - 0.01 * entropies.mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    mean_return.append(rewards.sum(0).mean().item())
    if update % 50 == 0:
        last = sum(mean_return[-50:]) / 50
        print(f"update {update} loss {loss.item():.4f} return {last:.3f} of 2")
