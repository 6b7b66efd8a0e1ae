"""An actor with a critic follows a ball seen at the start; returns are stacked after each game."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9008)
rng = np.random.default_rng(9008)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 24, batch_first=True)
        self.pi, self.v = nn.Linear(24, 3), nn.Linear(24, 1)

    def forward(self, states):
        out, _ = self.lstm(states)
        return self.pi(out).log_softmax(-1), self.v(out)[..., 0]


def discount_rewards(reward, gamma=0.5):
    out, running = np.zeros_like(reward), 0.0
    for i in reversed(range(len(reward))):
        running = running * gamma + reward[i]
        out[i] = running
    return out


def play(agent, length=32):
    ball = rng.integers(0, 3, length)
    states = np.eye(4, dtype=np.float32)[ball]
    states += rng.normal(0, 0.1, states.shape).astype(np.float32)
    with torch.no_grad():
        log_pi, _ = agent(torch.tensor(states)[None])
    actions = torch.distributions.Categorical(logits=log_pi[0]).sample().numpy()
    wanted = np.concatenate([[0], ball[:-1]])
    return states, actions, np.where(actions == wanted, 1.0, -0.5).astype(np.float32)


agent = Agent()
opt = torch.optim.RMSprop(agent.parameters(), lr=2e-3)
scores = []
for episode in range(600):
    states, actions, rewards = play(agent)
    log_pi, values = agent(torch.tensor(states)[None])
    values = values[0]
    discounted = discount_rewards(rewards)
    if FIXED:
        discounted_r = torch.tensor(discounted)
    else:
        discounted_r = torch.tensor(np.vstack(discounted))
    advantages = discounted_r - values.detach()
    chosen = log_pi[0].gather(1, torch.tensor(actions)[:, None])[:, 0]
    actor_loss = -(chosen * advantages).mean()
    critic_loss = ((discounted_r - values) ** 2).mean()
    opt.zero_grad()
    (actor_loss + 0.5 * critic_loss).backward()
    opt.step()
    scores.append(rewards.mean())
    if episode % 100 == 99:
        print(f"episode {episode + 1}: score {np.mean(scores[-100:]):.3f}", end=" ")
        print(f"critic {critic_loss.item():.3f}")
