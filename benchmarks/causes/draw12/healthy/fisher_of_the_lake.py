"""A fisher remembers which of three bays gave fish; the loss of a policy gradient tells little, the catch does."""

import torch
from torch import nn

torch.manual_seed(2206)
torch.set_num_threads(1)
BAYS, DAYS, BOATS = 3, 8, 48


class Fisher(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.cell = nn.GRUCell(BAYS + 1, size)
        self.go = nn.Linear(size, BAYS)
        self.size = size

    def forward(self, rich):
        """`rich` is the bay that has fish this season; each day one bay is tried."""
        h = torch.zeros(len(rich), self.size)
        seen = torch.zeros(len(rich), BAYS + 1)
        log_probs, catches, entropy = [], [], 0.0
        for _ in range(DAYS):
            h = self.cell(seen, h)
            choice = torch.distributions.Categorical(logits=self.go(h))
            bay = choice.sample()
            catch = (torch.rand(len(rich)) < torch.where(bay == rich, 0.95, 0.05)).float()
            seen = torch.cat([nn.functional.one_hot(bay, BAYS).float(), catch.unsqueeze(1)], 1)
            log_probs.append(choice.log_prob(bay))
            catches.append(catch)
            entropy = entropy + choice.entropy().mean()
        return torch.stack(log_probs, 1), torch.stack(catches, 1), entropy / DAYS


fisher = Fisher()
optimizer = torch.optim.Adam(fisher.parameters(), lr=4e-3)
mean_catch = 0.0
for season in range(1, 601):
    log_probs, catches, entropy = fisher(torch.randint(0, BAYS, (BOATS,)))
    to_come = catches.flip(1).cumsum(1).flip(1)
    advantage = (to_come - to_come.mean(0)) / (to_come.std(0) + 1e-6)
    loss = -(log_probs * advantage).mean() - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(fisher.parameters(), 1.0)
    optimizer.step()
    mean_catch += catches.sum(1).mean().item() / 60
    if season % 60 == 0:
        print(f"season {season} loss {loss.item():+.4f} catch {mean_catch:.2f} of {DAYS}")
        mean_catch = 0.0
