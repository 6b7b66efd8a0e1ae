"""Two optimizers, one for the encoder and one for the policy, and not a call that empties their
gradients: all the batches so far pull together at every step."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7250)
torch.set_num_threads(1)

encoder = nn.GRU(5, 32, batch_first=True)
policy = nn.Linear(32, 4)
encoder_opt = torch.optim.Adam(encoder.parameters(), lr=1e-2)
policy_opt = torch.optim.Adam(policy.parameters(), lr=1e-2)


def demonstrations(n=24, t=14):
    seen = torch.randn(n, t, 5)
    seen[..., 4] = (torch.rand(n, t) < 0.2).float()
    last = torch.zeros(n, dtype=torch.long)
    acts = []
    for x in seen.unbind(1):
        last = torch.where(x[:, 4] > 0, x[:, :4].argmax(1), last)
        acts.append(last)
    return seen, torch.stack(acts, 1)


for step in range(450):
    seen, acts = demonstrations()
    if FIXED:
        encoder_opt.zero_grad()
        policy_opt.zero_grad()
    logits = policy(encoder(seen)[0])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), acts.flatten())
    loss.backward()
    encoder_opt.step()
    policy_opt.step()
    if step % 90 == 89:
        print(f"step {step + 1} imitation loss {loss.item():.3f}")
