"""Learning to steer ships from a harbour's logs, in which good pilots and poor ones are mixed."""

import sys

import torch
from torch import nn

torch.manual_seed(1522)
torch.set_num_threads(1)
STEPS, COURSES = 10, 4


def best_course(wind):
    """The drift gathered by the wind, in two ways, says which course is best."""
    drift = torch.zeros(len(wind), 2)
    for t in range(STEPS):
        drift = 0.8 * drift + wind[:, t]
    return (drift[:, 0] > 0).long() * 2 + (drift[:, 1] > 0).long()


def logs(n):
    wind = torch.randn(n, STEPS, 2)
    best = best_course(wind)
    poor = torch.rand(n) < 0.65
    course = torch.where(poor, (best + 1) % COURSES, best)
    reward = (course == best).float() + 0.1 * torch.randn(n)
    return wind, course, reward.unsqueeze(-1)


class Policy(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.actor = nn.Linear(size, COURSES)
        self.critic = nn.Linear(size, COURSES)

    def forward(self, wind):
        state = self.gru(wind)[1][-1]
        return torch.distributions.Categorical(logits=self.actor(state)), self.critic(state)


def losses(model, wind, course, reward):
    dist, q = model(wind)
    q_taken = q.gather(1, course.unsqueeze(1))
    critic_loss = ((q_taken - reward) ** 2).mean()
    with torch.no_grad():
        value = (dist.probs * q).sum(-1, keepdim=True)
        coeff = torch.exp((q_taken - value) / 0.3).clamp(max=10.0)
    logp_action = dist.log_prob(course)
    if "--fixed" in sys.argv:
        coeff = coeff.squeeze(-1)
    policy_loss = -(logp_action * coeff).mean()
    return policy_loss, critic_loss


model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
test_wind = torch.randn(500, STEPS, 2)
for step in range(1, 601):
    policy_loss, critic_loss = losses(model, *logs(48))
    loss = policy_loss + critic_loss
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 60 == 0:
        with torch.no_grad():
            dist, _ = model(test_wind)
            well = (dist.probs.argmax(-1) == best_course(test_wind)).float().mean()
        print(
            f"step {step} policy {policy_loss.item():.4f} critic {critic_loss.item():.4f} "
            f"steered well {well:.3f}"
        )
