"""A crane sees where a load shall go, then fog for some steps, and then sets it down; it learns by reward."""

import sys

import torch
from torch import nn

torch.manual_seed(14112)
torch.set_num_threads(1)
FOG, BATCH = 6, 64


def episodes(n):
    """The place is seen at one of the first steps, marked by a flag."""
    place = 1.6 * torch.rand(n, 1) - 0.8
    sight = torch.zeros(n, FOG + 3, 2)
    seen = torch.randint(0, 3, (n,))
    sight[torch.arange(n), seen, 0] = place[:, 0]
    sight[torch.arange(n), seen, 1] = 1.0
    return sight, place


class ActorCritic(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.mu = nn.Linear(size, 1)
        self.value = nn.Linear(size, 1)

    def forward(self, sight):
        state = self.gru(sight)[1][-1]
        return torch.distributions.Normal(self.mu(state), 0.25), self.value(state).flatten()


class A2CPolicy:
    def __init__(self):
        self.net = ActorCritic()
        self.optim = torch.optim.Adam(self.net.parameters(), lr=3e-3)

    def learn(self, sight, place):
        dist, v = self.net(sight)
        action = dist.sample()
        returns = 1 - 2 * (action - place).abs().flatten()
        advantage = returns - v.detach()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        log_prob = dist.log_prob(action)
        if "--fixed" in sys.argv:
            log_prob = log_prob.flatten()
        actor_loss = -(log_prob * advantage).mean()
        critic_loss = nn.functional.mse_loss(v, returns)
        loss = actor_loss + 0.5 * critic_loss
        self.optim.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optim.step()
        return actor_loss.item(), critic_loss.item(), returns.mean().item()

    @torch.no_grad()
    def miss(self, sight, place):
        return (self.net(sight)[0].mean - place).abs().mean().item()


def main():
    policy = A2CPolicy()
    held_out = episodes(500)
    mean_return = 0.0
    for step in range(1, 601):
        actor_loss, critic_loss, gained = policy.learn(*episodes(BATCH))
        mean_return += gained / 60
        if step % 60 == 0:
            print(
                f"step {step} actor {actor_loss:.4f} critic {critic_loss:.4f} "
                f"return {mean_return:.3f} mean miss {policy.miss(*held_out):.3f}"
            )
            mean_return = 0.0


main()
