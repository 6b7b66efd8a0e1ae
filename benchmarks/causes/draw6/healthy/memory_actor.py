"""Advantage actor-critic with an LSTM cell; states start anew wherever an episode has ended."""

import torch
from torch import nn

torch.manual_seed(6204)
torch.set_num_threads(1)

ENVS, STEPS, CUES = 16, 8, 3


class Corridor:
    """A cue is shown on the first step; three steps later the matching door has to be taken."""

    def __init__(self):
        self.cue = torch.randint(0, CUES, (ENVS,))
        self.at = torch.randint(0, 4, (ENVS,))
        self.begin(torch.ones(ENVS, dtype=torch.bool))

    def begin(self, which):
        self.cue = torch.where(which, torch.randint(0, CUES, (ENVS,)), self.cue)
        self.at = torch.where(which, torch.zeros_like(self.at), self.at)

    def look(self):
        shown = nn.functional.one_hot(self.cue, CUES).float() * (self.at == 0)[:, None]
        return torch.cat([shown, (self.at == 3).float()[:, None]], 1)

    def act(self, action):
        done = self.at == 3
        reward = (done & (action == self.cue)).float() - 0.5 * (done & (action != self.cue)).float()
        self.at = self.at + 1
        self.begin(done)
        return reward, done


class Agent(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.cell = nn.LSTMCell(CUES + 1, width)
        self.policy, self.value = nn.Linear(width, CUES), nn.Linear(width, 1)

    def forward(self, seen, state):
        h, c = self.cell(seen, state)
        return self.policy(h), self.value(h)[:, 0], (h, c)


env, agent = Corridor(), Agent()
opt = torch.optim.Adam(agent.parameters(), lr=5e-3)
state, gained = (torch.zeros(ENVS, 32), torch.zeros(ENVS, 32)), []
for update in range(350):
    state = tuple(s.detach() for s in state)
    logps, values, rewards, dones, spread = [], [], [], [], 0.0
    for _ in range(STEPS):
        logits, value, state = agent(env.look(), state)
        choice = torch.distributions.Categorical(logits=logits)
        action = choice.sample()
        reward, done = env.act(action)
        state = tuple(s * (~done).float()[:, None] for s in state)
        logps.append(choice.log_prob(action))
        spread = spread + choice.entropy().mean() / STEPS
        values.append(value)
        rewards.append(reward)
        dones.append(done.float())
    with torch.no_grad():
        target = agent(env.look(), state)[1]
    targets = []
    for reward, done in zip(reversed(rewards), reversed(dones), strict=True):
        target = reward + 0.95 * (1 - done) * target
        targets.insert(0, target)
    advantage = torch.stack(targets) - torch.stack(values)
    loss = -(torch.stack(logps) * advantage.detach()).mean() + 0.5 * advantage.square().mean()
    loss = loss - 0.01 * spread
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 2.0)
    opt.step()
    gained.append(torch.stack(rewards).sum().item() / torch.stack(dones).sum().clamp(min=1).item())
    if update % 70 == 69:
        print(f"update {update + 1} reward per episode {sum(gained[-35:]) / 35:.3f}")
