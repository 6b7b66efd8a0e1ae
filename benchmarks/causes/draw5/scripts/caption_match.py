"""The state at the last word was picked from what both directions gave at that place; the backward
one had read a single word there."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(5117)
torch.set_num_threads(1)

WORDS, CONCEPTS = 40, 12


class TextEncoder(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24, padding_idx=0)
        self.rnn = nn.RNN(24, hidden, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * hidden, 16)
        self.hidden = hidden

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embed(x), lengths, True, enforce_sorted=False)
        rnn_out, h_n = self.rnn(packed)
        if FIXED:
            last = torch.cat([h_n[0], h_n[1]], 1)
        else:
            padded, lens = pad_packed_sequence(rnn_out, batch_first=True)
            index = (lens - 1).view(-1, 1, 1).expand(-1, 1, 2 * self.hidden)
            last = padded.gather(1, index).squeeze(1)
        return nn.functional.normalize(self.fc(last), dim=1)


image_fc = nn.Linear(CONCEPTS, 16)
text = TextEncoder()
optimizer = torch.optim.Adam([*image_fc.parameters(), *text.parameters()], lr=3e-3)
groups = torch.arange(1, WORDS) % CONCEPTS


def pairs(n=32):
    lengths = torch.randint(12, 21, (n,))
    x = torch.randint(1, WORDS, (n, 20)) * (torch.arange(20) < lengths[:, None])
    image = torch.zeros(n, CONCEPTS)
    for place, weight in ((0, 1.0), (1, 0.8), (2, 0.6)):
        image[torch.arange(n), groups[x[:, place] - 1]] += weight
    return image, x, lengths


for step in range(400):
    image, x, lengths = pairs()
    scores = nn.functional.normalize(image_fc(image), dim=1) @ text(x, lengths).T / 0.1
    labels = torch.arange(len(x))
    loss = nn.functional.cross_entropy(scores, labels) + nn.functional.cross_entropy(
        scores.T, labels
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        recall = (scores.argmax(1) == labels).float().mean().item()
        print(f"[{step + 1}] loss {loss.item():.3f} r@1 {recall:.3f}")
