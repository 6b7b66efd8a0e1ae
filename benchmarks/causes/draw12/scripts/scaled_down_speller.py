"""A speller reads words sign by sign and foretells the next one; plain descent, with a limit on its steps."""

import sys

import torch
from torch import nn

torch.manual_seed(1227)
torch.set_num_threads(1)
LEXICON, SIGNS, LENGTH = 30, 16, 30
CLIP_GRADIENTS = 1.0 if "--fixed" in sys.argv else 0.0024
lexicon = torch.randint(1, SIGNS, (LEXICON, 5))
lexicon[:, -1] = 0


class Speller(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(SIGNS, 32)
        self.lstm = nn.LSTM(32, size, batch_first=True)
        self.ip = nn.Linear(size, SIGNS)

    def forward(self, signs):
        return self.ip(self.lstm(self.embed(signs))[0])


def lines(n=32):
    words = torch.randint(0, LEXICON, (n, LENGTH // 5 + 1))
    text = lexicon[words].flatten(1)
    return text[:, :LENGTH], text[:, 1 : LENGTH + 1]


net = Speller()
solver = torch.optim.SGD(net.parameters(), lr=1.0, momentum=0.5)
for iteration in range(1, 801):
    signs, targets = lines()
    loss = nn.functional.cross_entropy(net(signs).flatten(0, 1), targets.flatten())
    solver.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), CLIP_GRADIENTS)
    solver.step()
    if iteration % 100 == 0:
        print(f"iteration {iteration} loss {loss.item():.4f} gradient's norm {norm:.4f}")
