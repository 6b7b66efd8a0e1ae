"""Two proverbs of any length each: do they mean the same? Both are read sorted by their lengths."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1429)
torch.set_num_threads(1)
MEANINGS, WORDS, LONGEST = 8, 41, 14


def proverbs(meaning):
    """Three of the words bear the meaning, in one of four forms each; the others are fillers."""
    n = len(meaning)
    lengths = torch.randint(4, LONGEST + 1, (n,))
    words = torch.randint(33, WORDS, (n, LONGEST))
    for at in range(3):
        words[:, at] = 1 + 4 * meaning + torch.randint(0, 4, (n,))
    shuffled = torch.rand(n, LONGEST).masked_fill(torch.arange(LONGEST) >= lengths[:, None], 9)
    words = words.gather(1, shuffled.argsort(1).argsort(1))
    return words.masked_fill(torch.arange(LONGEST) >= lengths[:, None], 0), lengths


def pairs(n):
    first, other = torch.randint(0, MEANINGS, (2, n))
    same = torch.rand(n) < 0.5
    second = torch.where(same, first, other)
    return *proverbs(first), *proverbs(second), (first == second).float()


class ProverbEncoder(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, size, batch_first=True)

    def forward(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(words[order]), lengths, batch_first=True)
        _, (h, _) = self.lstm(packed)
        return h[-1][order.argsort()]


class SameMeaning(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.encoder = ProverbEncoder(size)
        self.judge = nn.Sequential(nn.Linear(2 * size, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, words_a, lengths_a, words_b, lengths_b):
        a, b = self.encoder(words_a, lengths_a), self.encoder(words_b, lengths_b)
        return self.judge(torch.cat(((a - b).abs(), a * b), dim=1)).squeeze(1)


model = SameMeaning()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    *batch, same = pairs(48)
    loss = nn.functional.binary_cross_entropy_with_logits(model(*batch), same)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            *batch, same = pairs(400)
            right = ((model(*batch) > 0) == same.bool()).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} pairs right {right:.3f}")
