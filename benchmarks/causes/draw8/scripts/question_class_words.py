"""Questions of three to thirty words; an LSTM reads them and six classes are told apart."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8117)
torch.set_num_threads(1)
PAD = 0


class QuestionClass(nn.Module):
    def __init__(self, words=31, width=32):
        super().__init__()
        self.embed = nn.Embedding(words, width, padding_idx=PAD)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, 6)

    def forward(self, words, lengths):
        outputs, _ = self.lstm(self.embed(words))
        last = lengths - 1 if FIXED else torch.full_like(lengths, words.shape[1] - 1)
        return self.out(outputs[torch.arange(len(words)), last])


def questions(n=40, longest=44):
    lengths = torch.randint(3, 16, (n,))
    words = torch.randint(1, 31, (n, longest))
    words[torch.arange(longest) >= lengths[:, None]] = PAD
    label = words[torch.arange(n), lengths - 2] % 6
    return words, lengths, label


model = QuestionClass()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(240):
    words, lengths, label = questions()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(words, lengths), label)
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"{step + 1} {loss.item():.3f}")
