"""Distillation: a large model is trained, then a small one learns from its soft answers."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(5220)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(16, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, 4)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[1][0])


def draw(n=32):
    x = torch.randint(0, 16, (n, 8))
    return x, (x[:, -1] // 4 + (x[:, -2] > 7).long()) % 4


teacher = Reader(40)
optimizer = torch.optim.Adam(teacher.parameters(), lr=5e-3)
for _ in range(200):
    x, y = draw()
    loss = F.cross_entropy(teacher(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"teacher {loss.item():.3f}")

teacher.eval()
student = Reader(14)
optimizer = torch.optim.Adam(student.parameters(), lr=8e-3)
for step in range(250):
    x, y = draw()
    with torch.no_grad():
        soft = F.softmax(teacher(x) / 2, -1)
    logits = student(x)
    loss = 0.7 * 4 * F.kl_div(F.log_softmax(logits / 2, -1), soft, reduction="batchmean")
    loss = loss + 0.3 * F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"{step + 1} {loss.item():.3f}")
