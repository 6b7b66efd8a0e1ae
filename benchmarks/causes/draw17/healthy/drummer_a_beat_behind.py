"""A drummer must strike, at each beat, the drum that the leader struck one beat before."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(93)
torch.set_num_threads(1)
DRUMS, BEATS, BANDS_OF_MEN = 4, 12, 32
GAMMA, ENTROPY_COEF, VALUE_COEF = 0.6, 0.01, 0.5


class Leader:
    """Strikes drums by chance; a strike one beat behind earns 1, any other -0.2."""

    def reset(self):
        self.drums = torch.randint(DRUMS, (BANDS_OF_MEN, BEATS + 1))
        self.beat = 0
        return self.seen()

    def seen(self):
        return nn.functional.one_hot(self.drums[:, self.beat], DRUMS).float()

    def strike(self, action):
        asked = self.drums[:, max(self.beat - 1, 0)]
        reward = torch.where(action == asked, 1.0, -0.2)
        self.beat += 1
        return self.seen(), reward


class Drummer(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.cell = nn.GRUCell(DRUMS, hidden)
        self.actor = nn.Linear(hidden, DRUMS)
        self.critic = nn.Linear(hidden, 1)

    def begin(self):
        return torch.zeros(BANDS_OF_MEN, self.hidden)

    def forward(self, seen, memory):
        memory = self.cell(seen, memory)
        return Categorical(logits=self.actor(memory)), self.critic(memory).squeeze(-1), memory


def play(leader, drummer):
    """One piece for all bands: log-probabilities, values, entropies and rewards, beat by beat."""
    seen, memory = leader.reset(), drummer.begin()
    rows = []
    for _ in range(BEATS):
        policy, value, memory = drummer(seen, memory)
        action = policy.sample()
        seen, reward = leader.strike(action)
        rows.append((policy.log_prob(action), value, policy.entropy(), reward))
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def returns_of(rewards):
    total, out = torch.zeros(BANDS_OF_MEN), []
    for reward in rewards.flip(0):
        total = reward + GAMMA * total
        out.append(total)
    return torch.stack(out).flip(0)


leader, drummer = Leader(), Drummer()
optimizer = torch.optim.Adam(drummer.parameters(), lr=4e-3)
for update in range(1, 401):
    log_probs, values, entropies, rewards = play(leader, drummer)
    returns = returns_of(rewards)
    advantages = (returns - values).detach()
    policy_loss = -(log_probs * advantages).mean()
    value_loss = nn.functional.smooth_l1_loss(values, returns)
    loss = policy_loss + VALUE_COEF * value_loss - ENTROPY_COEF * entropies.mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(drummer.parameters(), 1.0)
    optimizer.step()
    if update % 50 == 0:
        print(
            f"update {update} loss {loss.item():+.4f} reward a beat {rewards.mean():+.3f} "
            f"entropy {entropies.mean():.3f}"
        )
