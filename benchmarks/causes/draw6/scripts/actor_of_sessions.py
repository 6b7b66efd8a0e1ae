"""An agent with memory goes from one episode straight into the next, and takes along what it
remembers. The cue of the last episode is still there when the new one is shown."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6149)
torch.set_num_threads(1)

ENVS, LENGTH = 32, 5


class Policy(nn.Module):
    def __init__(self, memsize=40, actions=6):
        super().__init__()
        self.inp = nn.Linear(6, memsize)
        self.gru = nn.GRUCell(memsize, memsize)
        self.critic, self.actor = nn.Linear(memsize, 1), nn.Linear(memsize, actions)

    def forward(self, x, hx):
        hx = self.gru(torch.relu(self.inp(x)), hx)
        return self.critic(hx).squeeze(-1), self.actor(hx), hx


def new_episode():
    """Add up the numbers shown, modulo six, and act upon the sum at every step."""
    shown = torch.randint(0, 3, (ENVS, LENGTH))
    return nn.functional.one_hot(shown, 6).float(), shown.cumsum(1) % 6


model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
hx = torch.zeros(ENVS, 40)
returns = []
for episode in range(1, 501):
    states, goals = new_episode()
    done = episode > 1
    if done and FIXED:
        hx = torch.zeros(ENVS, 40)
    else:
        hx = hx.detach()
    loss, gained = 0.0, 0.0
    for t in range(LENGTH):
        value, logits, hx = model(states[:, t], hx)
        policy = torch.distributions.Categorical(logits=logits)
        reward = torch.where(policy.probs.argmax(1) == goals[:, t], 1.0, 0.0)
        # the expert's action is known for all of these, so that the agent is shown it
        loss = loss - policy.log_prob(goals[:, t]).mean() + 0.1 * (value - reward).square().mean()
        gained += reward.mean().item() / LENGTH
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 40)
    optimizer.step()
    returns.append(gained)
    if episode % 100 == 0:
        print(
            f"episodes {episode}, mean reward {sum(returns[-50:]) / 50:.3f}, loss {loss.item():.3f}"
        )
