"""An agent sees a cue at the first step and must act on it at the last; learnt by actor and critic."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(1212)
torch.set_num_threads(1)
CUES, STEPS, ENVS = 4, 8, 64


class ActorCritic(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.cell = nn.GRUCell(CUES + 1, size)
        self.policy = nn.Linear(size, CUES)
        self.value = nn.Linear(size, 1)

    def forward(self, obs):
        h = obs.new_zeros(obs.size(1), self.size)
        for o in obs:
            h = self.cell(o, h)
        return self.policy(h), self.value(h)


def start_episodes():
    cue = torch.randint(0, CUES, (ENVS,))
    obs = torch.zeros(STEPS, ENVS, CUES + 1)
    obs[0, torch.arange(ENVS), cue] = 1.0
    obs[1:, :, CUES] = 0.2 * torch.randn(STEPS - 1, ENVS)
    return obs, cue


net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
seen = 0.0
for update in range(1, 601):
    obs, cue = start_episodes()
    logits_v, value_v = net(obs)
    dist = Categorical(logits=logits_v)
    action = dist.sample()
    vals_ref_v = (action == cue).float().unsqueeze(1)
    loss_value_v = nn.functional.mse_loss(value_v, vals_ref_v)
    adv_v = vals_ref_v - value_v.detach()
    if "--fixed" in sys.argv:
        adv_v = adv_v.squeeze(1)
    log_prob_actions_v = adv_v * dist.log_prob(action)
    loss_policy_v = -log_prob_actions_v.mean()
    entropy_loss_v = -0.01 * dist.entropy().mean()
    loss_v = loss_policy_v + 0.5 * loss_value_v + entropy_loss_v
    optimizer.zero_grad()
    loss_v.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    seen += vals_ref_v.mean().item()
    if update % 100 == 0:
        print(f"update {update} loss {loss_v.item():.4f} mean reward {seen / 100:.3f}")
        seen = 0.0
