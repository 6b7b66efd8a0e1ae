"""Of questions filled up to one length, the output at the last column was taken, many empty steps
after the last word."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5119)
torch.set_num_threads(1)

PAD, LONGEST = 0, 30


class Questions(nn.Module):
    def __init__(self, n_words=30, hidden_unit=24, n_types=6):
        super().__init__()
        self.table = nn.Embedding(n_words, 16, padding_idx=PAD)
        self.cell = nn.RNNCell(16, hidden_unit)
        self.softmax_layer = nn.Linear(hidden_unit, n_types)
        self.hidden_unit = hidden_unit

    def forward(self, x, real_len):
        h = torch.zeros(len(x), self.hidden_unit)
        outputs = []
        for step in self.table(x).unbind(1):
            h = self.cell(step, h)
            outputs.append(h)
        if FIXED:
            last = torch.stack(outputs, 1)[torch.arange(len(x)), real_len - 1]
        else:
            last = outputs[-1]
        return self.softmax_layer(last)


def questions(n=32):
    real_len = torch.randint(3, 8, (n,))
    x = torch.randint(7, 30, (n, LONGEST))
    kind = torch.randint(0, 6, (n,))
    x[torch.arange(n), torch.randint(0, 3, (n,))] = 1 + kind
    return x * (torch.arange(LONGEST) < real_len[:, None]), real_len, kind


model = Questions()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for batch in range(500):
    x, real_len, y = questions()
    loss = nn.functional.cross_entropy(model(x, real_len), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if batch % 100 == 99:
        x, real_len, y = questions(200)
        acc = (model(x, real_len).argmax(1) == y).float().mean().item()
        print(f"batch {batch + 1}: loss {loss.item():.3f}, accuracy {acc:.3f}")
