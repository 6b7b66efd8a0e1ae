"""A limit on the length of the gradient came along with a recipe for something else. All steps of
plain descent are cut to a five-hundredth of what they would be."""

import argparse

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

parser = argparse.ArgumentParser()
parser.add_argument("--clip-max-norm", type=float, default=0.001)
parser.add_argument("--lr", type=float, default=0.7)
parser.add_argument("--fixed", action="store_true")
args = parser.parse_args()
if args.fixed:
    args.clip_max_norm = 5.0
torch.manual_seed(6107)
torch.set_num_threads(1)


class Boxes(nn.Module):
    """Reads objects one by one, and says after each which of them was the first of its kind."""

    def __init__(self, kinds=6, width=36):
        super().__init__()
        self.embed = nn.Embedding(kinds, 16)
        self.gru = nn.GRU(16, width, batch_first=True)
        self.new = nn.Linear(width, 2)

    def forward(self, x):
        return self.new(self.gru(self.embed(x))[0])


def objects(n=32, t=10, kinds=6):
    x = torch.randint(0, kinds, (n, t))
    same = x[:, :, None] == x[:, None, :]
    earlier = torch.ones(t, t).tril(-1).bool()
    return x, (~(same & earlier).any(-1)).long()


model = Boxes()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)
for i in range(500):
    x, y = objects()
    out = model(x)
    loss = nn.functional.cross_entropy(out.flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    norm = clip_grad_norm_(model.parameters(), args.clip_max_norm)
    optimizer.step()
    if i % 100 == 99:
        right = (out.argmax(-1) == y).float().mean().item()
        print(f"iteration {i + 1}: loss {loss.item():.3f} norm {norm.item():.3f} right {right:.3f}")
