"""A small network learns from a large one at all places, the filled ones as well, where the large
one was never taught anything."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5156)
torch.set_num_threads(1)

PAD, VOCAB = 0, 14


def texts(n=20, longest=30):
    lengths = torch.randint(4, 8, (n,))
    lengths[0] = longest
    x = torch.randint(1, VOCAB, (n, longest))
    for t in range(2, longest):
        x[:, t] = 1 + (x[:, t - 1] + x[:, t - 2] * 3) % (VOCAB - 1)
    return torch.where(torch.arange(longest) < lengths[:, None], x, PAD)


class LM(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCAB)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0])


teacher = LM(40)
for p in teacher.parameters():
    p.requires_grad_(False)


def rule_logits(x):
    """What a well taught model would say of letters; of filler it says filler."""
    before = torch.cat([torch.ones_like(x[:, :1]), x[:, :-1]], 1)
    nxt = torch.where(x == PAD, PAD, 1 + (x + before * 3) % (VOCAB - 1))
    return F.one_hot(nxt, VOCAB) * 6.0


student = LM(16)
optimizer = torch.optim.Adam(student.parameters(), lr=4e-3)
T = 2.0
for step in range(1, 401):
    x = texts()
    inputs, labels = x[:, :-1], x[:, 1:].clone()
    scores = student(inputs)
    kld = F.kl_div(
        F.log_softmax(scores / T, -1), F.softmax(rule_logits(inputs) / T, -1), reduction="none"
    ).sum(-1)
    if FIXED:
        seen = (labels != PAD).float()
        soft = (kld * seen).sum() / seen.sum()
        hard = F.cross_entropy(scores.transpose(1, 2), labels, ignore_index=PAD)
    else:
        soft = kld.mean()
        hard = F.cross_entropy(scores.transpose(1, 2), labels)
    loss = 0.5 * T * T * soft + 0.5 * hard
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        real = labels != PAD
        right = (scores.argmax(-1) == labels)[real].float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
