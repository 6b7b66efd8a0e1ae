"""Two cells read a sentence from both ends, and their outputs lie side by side. At the last
place the second has only just begun, and that place was classified."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(422)
torch.set_num_threads(1)
n_steps, n_hidden, n_classes = 22, 28, 5


class StaticBiRNN(nn.Module):
    """Outputs as a list, one of (B, 2H) for each step."""

    def __init__(self, n_input):
        super().__init__()
        self.fw = nn.RNNCell(n_input, n_hidden)
        self.bw = nn.RNNCell(n_input, n_hidden)

    def run(self, cell, xs):
        h = torch.zeros(len(xs[0]), n_hidden)
        seen = []
        for x in xs:
            h = cell(x, h)
            seen.append(h)
        return seen

    def forward(self, xs):
        forwards = self.run(self.fw, xs)
        backwards = self.run(self.bw, xs[::-1])[::-1]
        return [torch.cat(both, 1) for both in zip(forwards, backwards, strict=True)]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.birnn = StaticBiRNN(16)
        self.out = nn.Linear(2 * n_hidden, n_classes)

    def forward(self, ids):
        outputs = self.birnn(list(self.embed(ids).unbind(1)))
        if FIXED:
            last = torch.cat([outputs[-1][:, :n_hidden], outputs[0][:, n_hidden:]], 1)
        else:
            last = outputs[-1]
        return self.out(last)


def sentences(n=32):
    """What stands right after the first zero?"""
    ids = torch.randint(1, 10, (n, n_steps))
    place = torch.randint(0, 3, (n, 1))
    ids.scatter_(1, place, 0)
    return ids, ids.gather(1, place + 1).squeeze(1) % n_classes


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
meter = []
for step in range(1, 301):
    ids, label = sentences()
    logits = model(ids)
    cost = nn.functional.cross_entropy(logits, label)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    meter.append((logits.argmax(1) == label).float().mean().item())
    if step % 60 == 0:
        print(
            f"Step {step}, Minibatch Loss= {cost.item():.4f}, Accuracy= {sum(meter[-60:]) / 60:.3f}"
        )
