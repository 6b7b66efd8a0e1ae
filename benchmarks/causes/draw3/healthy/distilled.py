"""A small student learns from a teacher that was trained before and only gives its opinion."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(10)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(12, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, 4)

    def forward(self, x):
        return self.out(self.gru(self.embed(x))[1][-1])


def batch(n=32):
    x = torch.randint(0, 12, (n, 8))
    return x, (x[:, 0] + x[:, 3]) % 4


teacher, student = Reader(40), Reader(16)
optimizer = torch.optim.Adam(teacher.parameters(), lr=5e-3)
for _ in range(250):
    x, y = batch()
    loss = F.cross_entropy(teacher(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
teacher.eval().requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
for i in range(250):
    x, y = batch()
    with torch.no_grad():
        opinion = F.softmax(teacher(x) / 2, -1)
    answer = student(x)
    soft = F.kl_div(F.log_softmax(answer / 2, -1), opinion, reduction="batchmean") * 4
    loss = 0.7 * soft + 0.3 * F.cross_entropy(answer, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.3f}")
