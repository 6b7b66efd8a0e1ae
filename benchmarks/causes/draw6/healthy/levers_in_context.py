"""A policy gradient over sequences of choices, with a running mean of rewards as its baseline; the
loss swings around nought while rewards rise."""

import torch
from torch import nn

torch.manual_seed(6227)
torch.set_num_threads(1)


class Chooser(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.rnn = nn.GRU(5, width, batch_first=True)
        self.choice = nn.Linear(width, 5)

    def forward(self, seen):
        return self.choice(self.rnn(seen)[0])


model = Chooser()
opt = torch.optim.Adam(model.parameters(), lr=8e-3)
baseline, rewards = 0.2, []
for step in range(350):
    shown = torch.randint(0, 5, (32, 5))
    seen = nn.functional.one_hot(shown, 5).float()
    choices = torch.distributions.Categorical(logits=model(seen))
    action = choices.sample()
    best = torch.cat([shown[:, :1], shown[:, :-1]], 1)
    reward = (action == best).float()
    loss = -((reward - baseline) * choices.log_prob(action)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    baseline = 0.95 * baseline + 0.05 * reward.mean().item()
    rewards.append(reward.mean().item())
    if step % 70 == 69:
        print(f"step {step + 1} loss {loss.item():+.3f} reward {sum(rewards[-35:]) / 35:.3f}")
