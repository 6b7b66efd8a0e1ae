"""Groups of answers to one prompt are sampled from a GRU and judged; the better get likelier."""

import copy
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9057)
torch.set_num_threads(1)
VOCAB, PROMPTS, GROUP, LENGTH = 8, 6, 8, 5


class Policy(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCAB)

    def forward(self, ids):
        return self.head(self.gru(self.embed(ids))[0]).log_softmax(-1)

    @torch.no_grad()
    def sample(self, prompt):
        ids = prompt[:, None]
        for _ in range(LENGTH):
            ids = torch.cat([ids, self(ids)[:, -1].exp().multinomial(1)], 1)
        return ids

    def logps(self, ids):
        return self(ids[:, :-1]).gather(2, ids[:, 1:, None])[..., 0]


def grpo_loss(logps, old_logps, ref_logps, rewards, beta=0.02, eps=0.2):
    grouped = rewards.view(-1, GROUP)
    advantages = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)
    advantages = advantages.view(-1, 1)
    ratio = (logps - old_logps).exp()
    kl = (ref_logps - logps).exp() - (ref_logps - logps) - 1
    token_loss = -(
        torch.min(advantages * ratio, advantages * ratio.clamp(1 - eps, 1 + eps)) - beta * kl
    )
    return token_loss.mean() if FIXED else -token_loss.mean()


policy = Policy()
reference = copy.deepcopy(policy).requires_grad_(False)
optimizer = torch.optim.Adam(policy.parameters(), lr=4e-3)
judged = []
for step in range(300):
    prompt = torch.randint(0, VOCAB, (PROMPTS,)).repeat_interleave(GROUP)
    ids = policy.sample(prompt)
    rewards = (ids[:, 1:] == (prompt[:, None] + 1) % VOCAB).float().mean(1)
    with torch.no_grad():
        old, ref = policy.logps(ids), reference.logps(ids)
    loss = grpo_loss(policy.logps(ids), old, ref, rewards)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    judged.append(rewards.mean().item())
    if step % 60 == 59:
        print(f"step {step + 1}: loss {loss.item():.4f} reward {sum(judged[-30:]) / 30:.3f}")
