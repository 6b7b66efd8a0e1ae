"""What kind of answer does a question want? Short questions are filled up to forty words."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1118)
torch.set_num_threads(1)
PAD, WORDS, MAX_LEN, KINDS = 0, 50, 40, 6


class QClass(nn.Module):
    def __init__(self, embedding_size=24, hidden_unit=32):
        super().__init__()
        self.W = nn.Embedding(WORDS, embedding_size, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding_size, hidden_unit, batch_first=True)
        self.scores = nn.Linear(hidden_unit, KINDS)

    def forward(self, batch, real_len):
        outputs, _ = self.lstm(self.W(batch))
        if FIXED:
            output = outputs[torch.arange(len(batch)), real_len - 1]
        else:
            output = outputs[:, -1]
        return self.scores(output)


def questions(n=32):
    real_len = torch.randint(4, 13, (n,))
    kind = torch.randint(0, KINDS, (n,))
    batch = torch.randint(20, WORDS, (n, MAX_LEN))
    batch[:, 0] = 1 + 3 * kind + torch.randint(0, 3, (n,))
    batch[torch.arange(MAX_LEN) >= real_len[:, None]] = PAD
    return batch, real_len, kind


model = QClass()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
window = []
for step in range(1, 401):
    batch, real_len, kind = questions()
    loss = nn.functional.cross_entropy(model(batch, real_len), kind)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    window.append(loss.item())
    if step % 50 == 0:
        print(step, round(sum(window) / len(window), 4))
        window = []
