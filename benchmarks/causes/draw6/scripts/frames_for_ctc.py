"""The loss wants time first and the network gives rows first. A reshape makes the sizes fit, and
mixes the frames of all recordings."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(6119)
torch.set_num_threads(1)

mbsz, max_len, num_classes = 16, 12, 6


class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(num_classes, 32)
        self.rnn = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, num_classes)

    def forward(self, x):
        h, _ = self.rnn(torch.relu(self.inp(x)))
        scores = self.out(h)
        if FIXED:
            scores = scores.permute(1, 0, 2)
        else:
            scores = scores.reshape(max_len, mbsz, num_classes)
        return F.log_softmax(scores, dim=-1)


def strokes():
    labels = torch.randint(1, num_classes, (mbsz, 3))
    frames = F.one_hot(labels.repeat_interleave(4, 1), num_classes).float()
    return frames + 0.3 * torch.randn(mbsz, max_len, num_classes), labels


network = Recognizer()
opt = torch.optim.Adam(network.parameters(), lr=4e-3)
in_len, out_len = torch.full((mbsz,), max_len), torch.full((mbsz,), 3)
for epoch in range(8):
    costs = []
    for _ in range(50):
        x, labels = strokes()
        cost = F.ctc_loss(network(x), labels, in_len, out_len)
        opt.zero_grad()
        cost.backward()
        opt.step()
        costs.append(cost.item())
    print(f"Epoch {epoch} cost {sum(costs) / 50:.3f}")
