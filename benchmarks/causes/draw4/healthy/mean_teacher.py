"""Few labels: a teacher that follows the student slowly, and a student that has to agree with it
on rows that nobody has labelled."""

import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(18)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 32, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(32, 3)

    def forward(self, x):
        return self.fc(self.drop(self.gru(x)[0].mean(1)))


def moves(n):
    y = torch.randint(0, 3, (n,))
    t = torch.arange(12.0)[None, :, None]
    x = torch.sin(t * (0.3 + 0.3 * y[:, None, None]) + torch.tensor([0.0, 1.0, 2.0]))
    return x + 0.5 * torch.randn(n, 12, 3), y


few_x, few_y = moves(60)
many_x, _ = moves(800)
test_x, test_y = moves(400)
student = Net()
teacher = copy.deepcopy(student).requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
for i in range(300):
    rows, more = torch.randint(0, 60, (20,)), torch.randint(0, 800, (40,))
    known = F.cross_entropy(student(few_x[rows]), few_y[rows])
    with torch.no_grad():
        told = teacher(many_x[more] + 0.1 * torch.randn(40, 12, 3)).softmax(-1)
    agree = F.mse_loss(student(many_x[more]).softmax(-1), told)
    weight = 5 * math.exp(-5 * (1 - min(1.0, i / 150)) ** 2)
    loss = known + weight * agree
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
            slow.lerp_(fast, 0.03)
    if i % 60 == 59:
        teacher.eval()
        with torch.no_grad():
            acc = (teacher(test_x).argmax(1) == test_y).float().mean().item()
        teacher.train()
        print(f"{i + 1} known {known.item():.4f} agree {agree.item():.5f} teacher {acc:.3f}")
