"""Letters of made-up words are tagged as stem, link or ending; lower layers move at lower rates."""

import sys

import torch
from torch import nn

torch.manual_seed(1331)
torch.set_num_threads(1)
LETTERS = 24


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(LETTERS, 16)
        self.lower = nn.LSTM(16, 24, batch_first=True, bidirectional=True)
        self.upper = nn.LSTM(48, 24, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(48, 3)

    def forward(self, word):
        low, _ = self.lower(self.letters(word))
        return self.tag(self.upper(low)[0])


class LayerDecayAdam(torch.optim.AdamW):
    """The head has the full rate, each layer below it a part of the rate above."""

    def __init__(self, model, lr, decay):
        layers = [model.tag, model.upper, model.lower, model.letters]
        self.at_start = "--fixed" in sys.argv
        groups = []
        for depth, layer in enumerate(layers):
            scale = decay**depth
            groups.append({"params": list(layer.parameters()), "lr": lr, "scale": scale})
            if self.at_start:
                groups[-1]["lr"] *= scale
        super().__init__(groups, lr=lr)

    @torch.no_grad()
    def step(self, closure=None):
        if not self.at_start:
            for group in self.param_groups:
                group["lr"] *= group["scale"]
        return super().step(closure)


def words(n=32, length=14):
    """Stem of letters 0-15; link of letters 12-19; ending 16-23; the links may look like either."""
    first = torch.randint(4, 7, (n, 1))
    second = first + torch.randint(2, 5, (n, 1))
    t = torch.arange(length)
    tag = (t >= first).long() + (t >= second).long()
    low = torch.tensor([0, 12, 16])[tag]
    high = torch.tensor([16, 20, 24])[tag]
    return low + (torch.rand(n, length) * (high - low)).long(), tag


model = Tagger()
optimizer = LayerDecayAdam(model, lr=6e-3, decay=0.75)
for step in range(1, 401):
    word, tag = words()
    loss = nn.functional.cross_entropy(model(word).flatten(0, 1), tag.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            word, tag = words(300)
            acc = (model(word).argmax(2) == tag).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} letters right {acc:.3f}")
