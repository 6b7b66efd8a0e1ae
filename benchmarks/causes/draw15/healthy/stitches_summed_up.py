"""Rows of knitting, stitch after stitch: the loss of a row is the sum over its stitches."""

import torch
from torch import nn

torch.manual_seed(15145)
torch.set_num_threads(1)
STITCHES, ROW, LIMIT = 9, 36, 20.0
PATTERNS = [torch.randint(0, STITCHES, (k,)) for k in (3, 4, 5, 6, 3, 4, 5, 6)]


def rows(n):
    """One pattern, begun anywhere, again and again to the end of the row."""
    picked = []
    for which in torch.randint(0, len(PATTERNS), (n,)).tolist():
        pattern = PATTERNS[which].roll(int(torch.randint(0, 6, ())))
        picked.append(pattern.repeat(ROW // len(pattern) + 1)[:ROW])
    return torch.stack(picked)


class Knitter(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(STITCHES, 20)
        self.gru = nn.GRU(20, size)
        self.out = nn.Linear(size, STITCHES)

    def forward(self, stitches):
        return self.out(self.gru(self.embed(stitches))[0])


knitter = Knitter()
optimizer = torch.optim.SGD(knitter.parameters(), lr=0.01, momentum=0.9)
warmth = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=400, eta_min=1e-4)
clipped = 0
for step in range(1, 401):
    row = rows(32).t()
    scores = knitter(row[:-1])
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), row[1:].flatten(), reduction="sum")
    loss = loss / row.size(1)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(knitter.parameters(), LIMIT)
    clipped += int(norm > LIMIT)
    optimizer.step()
    warmth.step()
    if step % 50 == 0 or step == 1:
        right = (scores.argmax(2) == row[1:]).float().mean().item()
        print(f"step {step} loss of a row {loss.item():.3f} right {right:.3f}", end=" ")
        print(f"norm {norm.item():.2f} clipped in the last steps {clipped}")
        clipped = 0
