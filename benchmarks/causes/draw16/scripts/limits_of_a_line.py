"""Which speed holds on a railway line at each post? A board counts only behind a main signal."""

import sys

import torch
from torch import nn

torch.manual_seed(34)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
SPEEDS, POSTS = 5, 16
MAIN, NOTHING = SPEEDS, SPEEDS + 1
DECAY = 0.75


def lines(n):
    """Boards 0 to 4, main signals, and posts with nothing; the speed at the start is 0."""
    posts = torch.randint(0, SPEEDS, (n, POSTS))
    kind = torch.rand(n, POSTS)
    posts[kind < 0.4] = MAIN
    posts[kind > 0.75] = NOTHING
    speed, holds = torch.zeros(n, dtype=torch.long), []
    for t in range(POSTS):
        if t > 0:
            counts = (posts[:, t - 1] == MAIN) & (posts[:, t] < SPEEDS)
            speed = torch.where(counts, posts[:, t], speed)
        holds.append(speed)
    return posts, torch.stack(holds, 1)


class Driver(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(SPEEDS + 2, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.head = nn.Linear(size, SPEEDS)

    def forward(self, posts):
        return self.head(self.gru(self.embed(posts))[0])


class LayerDecay:
    """The lower a layer lies, the slower it learns."""

    def __init__(self, optimizer, depths):
        self.optimizer, self.depths = optimizer, depths

    def apply(self):
        for group, depth in zip(self.optimizer.param_groups, self.depths, strict=True):
            group["lr"] *= DECAY**depth


model = Driver()
body = [*model.embed.parameters(), *model.gru.parameters()]
groups = [{"params": body}, {"params": model.head.parameters()}]
optimizer = torch.optim.AdamW(groups, lr=6e-3, weight_decay=1e-4)
layer_decay = LayerDecay(optimizer, depths=[1, 0])
if FIXED:
    layer_decay.apply()

for step in range(1, 401):
    posts, speed = lines(32)
    if not FIXED:
        layer_decay.apply()
    logits = model(posts)
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), speed)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 50 == 0:
        right = (logits.argmax(2) == speed)[:, POSTS // 2 :].float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
