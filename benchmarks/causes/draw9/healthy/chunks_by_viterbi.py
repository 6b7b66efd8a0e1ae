"""Chunks of sentences by a BiLSTM with a linear-chain CRF, and the fill masked."""

import torch
from torch import nn

torch.manual_seed(9105)
torch.set_num_threads(1)
TAGS = 3


class BiLSTMCRF(nn.Module):
    def __init__(self, words=24, width=24):
        super().__init__()
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(2 * width, TAGS)
        self.trans = nn.Parameter(torch.zeros(TAGS, TAGS))

    def nll(self, words, tags, mask):
        e = self.emit(self.lstm(self.embed(words))[0])
        alpha = e[:, 0]
        score = e[:, 0].gather(1, tags[:, :1])[:, 0]
        for t in range(1, words.shape[1]):
            step = torch.logsumexp(alpha[:, :, None] + self.trans, 1) + e[:, t]
            alpha = torch.where(mask[:, t : t + 1], step, alpha)
            gain = (
                self.trans[tags[:, t - 1], tags[:, t]] + e[:, t].gather(1, tags[:, t : t + 1])[:, 0]
            )
            score = score + gain * mask[:, t]
        return ((torch.logsumexp(alpha, 1) - score) / mask.sum(1)).mean()


def sentences(n=24, longest=10):
    lengths = torch.randint(4, longest + 1, (n,))
    mask = torch.arange(longest) < lengths[:, None]
    words = torch.randint(1, 24, (n, longest)) * mask
    begins = (words > 0) & (words < 6)
    inside = torch.cat([torch.zeros(n, 1, dtype=torch.bool), begins[:, :-1]], 1) & ~begins
    return words, (begins.long() + 2 * inside.long()) * mask, mask


model = BiLSTMCRF()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for step in range(300):
    words, tags, mask = sentences()
    loss = model.nll(words, tags, mask)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 60 == 59:
        print(f"step {step + 1} nll a word {loss.item():.4f}")
