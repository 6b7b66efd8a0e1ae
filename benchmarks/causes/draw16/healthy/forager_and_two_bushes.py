"""A forager picks from two bushes and finds out which bears more; policy gradient, a GRU, a learned baseline."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(169101)
torch.set_num_threads(1)
PICKS, FORAGERS, GAMMA = 12, 48, 0.8


class Forager(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.cell = nn.GRUCell(3, hidden)
        self.policy = nn.Linear(hidden, 2)
        self.value = nn.Linear(hidden, 1)

    def forward(self, seen, state):
        state = self.cell(seen, state)
        return Categorical(logits=self.policy(state)), self.value(state).squeeze(-1), state


def episode(agent):
    """In every episode the better bush is drawn anew; it bears a berry nine times in ten, the other once."""
    better = torch.randint(0, 2, (FORAGERS,))
    seen, state = torch.zeros(FORAGERS, 3), None
    log_probs, values, entropies, berries = [], [], [], []
    for _ in range(PICKS):
        choice, value, state = agent(seen, state)
        bush = choice.sample()
        berry = (torch.rand(FORAGERS) < torch.where(bush == better, 0.9, 0.1)).float()
        log_probs.append(choice.log_prob(bush))
        entropies.append(choice.entropy())
        values.append(value)
        berries.append(berry)
        seen = torch.cat([nn.functional.one_hot(bush, 2), berry.unsqueeze(1)], dim=1)
    return (torch.stack(x) for x in (log_probs, values, entropies, berries))


agent = Forager()
optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3)
eaten = []
for update in range(1, 301):
    log_probs, values, entropies, berries = episode(agent)
    returns, later = torch.zeros_like(berries), torch.zeros(FORAGERS)
    for t in reversed(range(PICKS)):
        later = berries[t] + GAMMA * later
        returns[t] = later
    advantage = (returns - values).detach()
    policy_loss = -(log_probs * advantage).mean()
    value_loss = (returns - values).pow(2).mean()
    loss = policy_loss + 0.5 * value_loss - 0.01 * entropies.mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
    optimizer.step()
    eaten.append(berries.mean().item())
    if update % 30 == 0:
        print(
            f"update {update} loss {loss.item():+.3f} value loss {value_loss.item():.3f} "
            f"berries a pick {sum(eaten[-30:]) / 30:.3f}"
        )
