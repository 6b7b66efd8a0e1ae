"""A mole learns by reward: it smells once where its burrow lies and must recall it while it digs."""

import torch
from torch import nn

torch.manual_seed(15104)
torch.set_num_threads(1)
MOLES, ROLLOUT, DIGS, GAMMA = 24, 10, 4, 0.9


class Field:
    """The smell comes at the first dig only; left or right pays at the last, after any digs."""

    def __init__(self):
        self.burrow = torch.randint(0, 2, (MOLES,))
        self.dig = torch.randint(0, DIGS, (MOLES,))

    def observe(self):
        smell = (self.burrow * 2 - 1).float() * (self.dig == 0)
        return torch.stack([smell, (self.dig == DIGS - 1).float(), self.dig / DIGS], -1)

    def step(self, action):
        last = self.dig == DIGS - 1
        reward = torch.where(last, (action == self.burrow).float() * 2 - 1, torch.zeros(MOLES))
        self.dig = torch.where(last, torch.zeros_like(self.dig), self.dig + 1)
        self.burrow = torch.where(last, torch.randint(0, 2, (MOLES,)), self.burrow)
        return reward, last


class Mole(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.cell = nn.GRUCell(3, size)
        self.actor = nn.Linear(size, 2)
        self.critic = nn.Linear(size, 1)

    def forward(self, seen, state):
        state = self.cell(seen, state)
        return torch.distributions.Categorical(logits=self.actor(state)), self.critic(state), state


model = Mole()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
field = Field()
state = torch.zeros(MOLES, 24)
for update in range(1, 501):
    state = state.detach()
    logps, values, entropies, rewards, ends = [], [], [], [], []
    for _ in range(ROLLOUT):
        dist, value, state = model(field.observe(), state)
        action = dist.sample()
        reward, end = field.step(action)
        state = state * (~end).float().unsqueeze(-1)
        logps.append(dist.log_prob(action))
        entropies.append(dist.entropy())
        values.append(value.squeeze(-1))
        rewards.append(reward)
        ends.append(end.float())
    with torch.no_grad():
        ahead = model(field.observe(), state)[1].squeeze(-1)
    returns = []
    for reward, end in zip(reversed(rewards), reversed(ends), strict=True):
        ahead = reward + GAMMA * ahead * (1 - end)
        returns.append(ahead)
    returns, values = torch.stack(returns[::-1]), torch.stack(values)
    advantage = (returns - values).detach()
    actor_loss = -(torch.stack(logps) * advantage).mean()
    critic_loss = (returns - values).pow(2).mean()
    loss = actor_loss + 0.5 * critic_loss - 0.01 * torch.stack(entropies).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if update % 50 == 0:
        gain = (torch.stack(rewards).sum() / torch.stack(ends).sum()).item()
        print(f"update {update} critic {critic_loss.item():.4f} reward an episode {gain:.2f}")
