"""Actor and critic: someone thought that the minus before the policy's part was a slip, and
wrote a plus as in the paper."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(1)
torch.set_num_threads(1)
gamma, tau, n_envs = 0.9, 0.95, 12


class ActorCritic(nn.Module):
    def __init__(self, n_obs, n_actions, hidden=32):
        super().__init__()
        self.fc = nn.Linear(n_obs, hidden)
        self.lstm = nn.LSTMCell(hidden, hidden)
        self.actor = nn.Linear(hidden, n_actions)
        self.critic = nn.Linear(hidden, 1)

    def forward(self, x, state):
        hx, cx = self.lstm(F.elu(self.fc(x)), state)
        return self.critic(hx).squeeze(-1), self.actor(hx), (hx, cx)


def play(model):
    """Repeat the symbol of the step before: one point for each right answer."""
    symbols = torch.randint(0, 3, (9, n_envs))
    state = (torch.zeros(n_envs, 32), torch.zeros(n_envs, 32))
    values, log_probs, entropies, rewards = [], [], [], []
    for t in range(8):
        value, logits, state = model(F.one_hot(symbols[t], 3).float(), state)
        probs, logp = F.softmax(logits, -1), F.log_softmax(logits, -1)
        entropies.append(-(logp * probs).sum(-1))
        action = probs.multinomial(1).detach()
        log_probs.append(logp.gather(1, action).squeeze(1))
        values.append(value)
        right = symbols[t - 1] if t else symbols[t]
        rewards.append((action.squeeze(1) == right).float())
    return values, log_probs, entropies, rewards


model = ActorCritic(3, 3)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for update in range(300):
    values, log_probs, entropies, rewards = play(model)
    R = torch.zeros(n_envs)
    gae = torch.zeros(n_envs)
    policy_loss, value_loss = 0, 0
    values.append(R)
    for i in reversed(range(len(rewards))):
        R = gamma * R + rewards[i]
        value_loss = value_loss + 0.5 * (R - values[i]).pow(2).mean()
        delta = rewards[i] + gamma * values[i + 1].detach() - values[i].detach()
        gae = gae * gamma * tau + delta
        gain = (log_probs[i] * gae).mean() + 0.01 * entropies[i].mean()
        policy_loss = policy_loss - gain if FIXED else policy_loss + gain
    opt.zero_grad()
    (policy_loss + 0.5 * value_loss).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 40)
    opt.step()
    if update % 50 == 49:
        print(update + 1, "score", round(torch.stack(rewards).mean().item(), 3))
