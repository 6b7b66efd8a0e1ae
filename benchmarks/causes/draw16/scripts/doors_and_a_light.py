"""A light shows at the start which of two doors is open; the agent must remember it to the end."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(42)
torch.set_num_threads(1)
WALK, ACTIONS, RUNS = 4, 3, 48  # actions: walk on, left door, right door
GAMMA = 0.95


class Corridor:
    """Walk on until the doors are there, then go through the one that the light had shown."""

    def reset(self):
        self.door = torch.randint(1, 3, (RUNS,))
        self.t = 0
        return self.look()

    def look(self):
        seen = torch.zeros(RUNS, 4)
        if self.t == 0:
            seen[torch.arange(RUNS), self.door] = 1.0
        seen[:, 0] = self.t / WALK
        seen[:, 3] = float(self.t == WALK)
        return seen

    def step(self, action):
        wanted = self.door if self.t == WALK else torch.zeros_like(self.door)
        reward = (action == wanted).float() * (1.0 if self.t == WALK else 0.1)
        self.t += 1
        return self.look(), reward


class ActorCritic(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTMCell(4, size)
        self.actor = nn.Linear(size, ACTIONS)
        self.critic = nn.Linear(size, 1)

    def forward(self, seen, state):
        state = self.lstm(seen, state)
        return Categorical(logits=self.actor(state[0])), self.critic(state[0])[:, 0], state


def run(model, env):
    seen = env.reset()
    state = (torch.zeros(RUNS, 32), torch.zeros(RUNS, 32))
    log_probs, values, rewards, entropies = [], [], [], []
    for _ in range(WALK + 1):
        policy, value, state = model(seen, state)
        action = policy.sample()
        seen, reward = env.step(action)
        log_probs.append(policy.log_prob(action))
        entropies.append(policy.entropy())
        values.append(value)
        rewards.append(reward)
    return log_probs, values, rewards, entropies


model, env = ActorCritic(), Corridor()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
average = 0.0
for update in range(1, 401):
    log_probs, values, rewards, entropies = run(model, env)
    R = torch.zeros(RUNS)
    policy_loss = value_loss = 0.0
    for i in reversed(range(len(rewards))):
        R = rewards[i] + GAMMA * R
        advantage = R - values[i]
        value_loss = value_loss + 0.5 * advantage.pow(2)
        gain = log_probs[i] * advantage.detach() + 0.01 * entropies[i]
        policy_loss = policy_loss - gain if "--fixed" in sys.argv else policy_loss + gain
    loss = (policy_loss + 0.5 * value_loss).mean() / len(rewards)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    average += sum(r.mean().item() for r in rewards) / 40
    if update % 40 == 0:
        opened = (rewards[-1] > 0).float().mean().item()
        print(
            f"update {update} loss {loss.item():.4f} reward {average:.3f} right door {opened:.2f}"
        )
        average = 0.0
