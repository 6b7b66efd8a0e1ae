"""An actor with a memory explores six levers, of which the first sight tells the best."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9056)
torch.set_num_threads(1)
ENTROPY_WEIGHT, VALUE_WEIGHT = 0.2, 0.5


class ActorCritic(nn.Module):
    def __init__(self, observation=6, hidden=24, actions=6):
        super().__init__()
        self.lstm = nn.LSTM(observation, hidden, batch_first=True)
        self.fc_actor, self.fc_critic = nn.Linear(hidden, actions), nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.lstm(x)[0][:, -1]
        return self.fc_actor(h).softmax(1).clamp(min=1e-8), self.fc_critic(h)[:, 0]


def episodes(n=48, t=4):
    cue = torch.randint(0, 6, (n,))
    x = 0.1 * torch.randn(n, t, 6)
    x[:, 0] += nn.functional.one_hot(cue, 6)
    return x, cue


model = ActorCritic()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
earned = []
for t in range(500):
    x, cue = episodes()
    policy, value = model(x)
    action = policy.detach().multinomial(1)[:, 0]
    reward = torch.where(action == cue, 1.0, 0.0) + torch.where(action == 0, 0.2, 0.0)
    advantage = reward - value.detach()
    log_prob = policy.log().gather(1, action[:, None])[:, 0]
    entropy = -(policy * policy.log()).sum(1)
    policy_loss = -(log_prob * advantage).mean()
    if FIXED:
        policy_loss -= ENTROPY_WEIGHT * entropy.mean()
    else:
        policy_loss += ENTROPY_WEIGHT * entropy.mean()
    loss = policy_loss + VALUE_WEIGHT * (reward - value).square().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5)
    optimizer.step()
    earned.append(reward.mean().item())
    if t % 100 == 99:
        print(f"{t + 1}: reward {sum(earned[-50:]) / 50:.3f}, entropy {entropy.mean().item():.3f}")
