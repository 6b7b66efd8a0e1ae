"""Is a row of brackets balanced so far? Packed rows of unlike lengths, and a loss on what is no filler."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(7608)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 32, batch_first=True)
        self.out = nn.Linear(32, 2)

    def forward(self, packed):
        y, lengths = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.out(y), lengths


def brackets(n=24):
    rows, marks = [], []
    for _ in range(n):
        k = int(torch.randint(6, 25, ()))
        step = torch.randint(0, 3, (k,))
        depth = torch.cumsum((step == 0).long() - (step == 1).long(), 0)
        rows.append(nn.functional.one_hot(step, 3).float())
        marks.append((depth > 0).long())
    return rows, marks


net = Reader()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for it in range(300):
    rows, marks = brackets()
    scores, _ = net(pack_sequence(rows, enforce_sorted=False))
    y = pad_sequence(marks, batch_first=True, padding_value=-100)
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten(), ignore_index=-100)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if it % 60 == 59:
        print(it + 1, round(loss.item(), 4))
