"""Pictures are described in four words; their features were saved compactly beforehand."""

import sys

import torch
from torch import nn

torch.manual_seed(1149)
torch.set_num_threads(1)
WORDS, SCENES, STEPS = 16, 8, 4
phrases = torch.randint(1, WORDS, (SCENES, STEPS))
looks = torch.rand(SCENES, 6, 5) * 0.8


def save(features):
    """Features lie between nought and one; a byte each is enough."""
    if "--fixed" in sys.argv:
        features = features * 255
    return features.to(torch.uint8)


def extract(n=1500):
    scene = torch.randint(0, SCENES, (n,))
    features = (looks[scene] + 0.08 * torch.randn(n, 6, 5)).clamp(0, 0.99)
    return save(features), phrases[scene]


class ShowTell(nn.Module):
    def __init__(self):
        super().__init__()
        self.look = nn.GRU(5, 40, batch_first=True)
        self.speak = nn.GRUCell(WORDS, 40)
        self.logit = nn.Linear(40, WORDS)

    def forward(self, features, seq):
        if "--fixed" in sys.argv:
            features = features / 255
        h = self.look(features.float())[1][-1]
        last, out = torch.zeros(len(seq), WORDS), []
        for t in range(seq.size(1)):
            h = self.speak(last, h)
            out.append(self.logit(h))
            last = nn.functional.one_hot(seq[:, t], WORDS).float()
        return torch.stack(out, 1)


features, captions = extract()
model = ShowTell()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for i in range(1, 501):
    rows = torch.randint(0, 1500, (32,))
    out = model(features[rows], captions[rows])
    loss = nn.functional.cross_entropy(out.flatten(0, 1), captions[rows].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 0:
        print(f"iter {i}, train_loss = {loss.item():.3f}")
