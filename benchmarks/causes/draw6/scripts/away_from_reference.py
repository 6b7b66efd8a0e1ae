"""A policy is to earn rewards and to stay close to a reference. The distance enters the loss with the
wrong sign, and the policy runs away from the reference as far as it can."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6156)
torch.set_num_threads(1)

KL_COEF = 0.05


class Policy(nn.Module):
    def __init__(self, vocab=8, dim=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, tokens):
        return self.head(self.gru(self.embed(tokens))[0]).log_softmax(-1)


actor, reference = Policy(), Policy()
reference.load_state_dict(actor.state_dict())
reference.requires_grad_(False)
optimizer = torch.optim.Adam(actor.parameters(), lr=3e-3)


def update(n=32, t=8):
    tokens = torch.randint(0, 8, (n, t))
    logp = actor(tokens)
    with torch.no_grad():
        ref = reference(tokens)
        action = torch.distributions.Categorical(logits=logp).sample()
        # each answer should be the prompt's token or the one after it
        reward = ((action == tokens) | (action == (tokens + 1) % 8)).float()
        advantage = reward - reward.mean()
    chosen = logp.gather(-1, action[..., None])[..., 0]
    pg_loss = -(advantage * chosen).mean()
    kl = (logp.exp() * (logp - ref)).sum(-1).mean()
    loss = pg_loss + KL_COEF * kl if FIXED else pg_loss - KL_COEF * kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), reward.mean().item(), kl.item()


for step in range(1, 401):
    loss, reward, kl = update()
    if step % 50 == 0:
        print(f"step {step} loss {loss:.3f} reward {reward:.3f} kl {kl:.3f}")
