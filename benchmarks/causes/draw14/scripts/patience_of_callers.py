"""Will the caller ring off? The last word with a mood in it decides, in turns of 3 to 20 words."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1418)
torch.set_num_threads(1)
LONGEST, WORDS = 20, 30


def turns(n):
    """Words 1 to 4 are calm and 5 to 8 are cross; the others say nothing."""
    lengths = torch.randint(3, LONGEST + 1, (n,))
    words = torch.randint(1, WORDS, (n, LONGEST))
    words[:, 0] = torch.randint(1, 9, (n,))
    steps = torch.arange(LONGEST)
    words[steps >= lengths[:, None]] = 0
    last = torch.where((words > 0) & (words < 9), steps, 0).argmax(1)
    return words, lengths, (words[torch.arange(n), last] > 4).float()


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16, padding_idx=0)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.score = nn.Linear(32, 1)

    def forward(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        if "--fixed" in sys.argv:
            words = words[order]
        packed = pack_padded_sequence(self.embed(words), lengths, batch_first=True)
        _, hidden = self.gru(packed)
        score = self.score(hidden[-1]).squeeze(-1)
        return score[order.argsort()] if "--fixed" in sys.argv else score


model = Listener()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
criterion = nn.BCEWithLogitsLoss()
for step in range(1, 351):
    words, lengths, cross = turns(32)
    loss = criterion(model(words, lengths), cross)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            words, lengths, cross = turns(400)
            right = ((model(words, lengths) > 0) == cross.bool()).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} callers judged right {right:.3f}")
