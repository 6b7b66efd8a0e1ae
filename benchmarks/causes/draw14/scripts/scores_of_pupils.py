"""A pupil's skill from a record of exercises: which one it was, and how well it went."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1429)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
EXERCISES = 20


class SkillNet(nn.Module):
    def __init__(self, emb=16, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(EXERCISES, emb)
        self.gru = nn.GRU(emb + 1, hidden, batch_first=True)
        self.fc1 = nn.Linear(hidden, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, exercise, mark):
        x = torch.cat([self.emb(exercise), mark.unsqueeze(-1)], dim=-1)
        out, _ = self.gru(x)
        h = out.mean(dim=1)
        if FIXED:
            h = F.dropout(h, 0.5, training=self.training)
            h = F.relu(self.fc1(h))
            h = F.dropout(h, 0.5, training=self.training)
        else:
            h = F.dropout(h, 0.5)
            h = F.relu(self.fc1(h))
            h = F.dropout(h, 0.5)
        return self.fc2(h).squeeze(-1)


def records(n, length=15):
    hardness = torch.linspace(-1.5, 1.5, EXERCISES)
    skill = torch.randn(n)
    exercise = torch.randint(EXERCISES, (n, length))
    mark = torch.tanh(skill.unsqueeze(1) - hardness[exercise]) + 0.1 * torch.randn(n, length)
    return exercise, mark, skill


train_loader = DataLoader(TensorDataset(*records(1600)), batch_size=32, shuffle=True)
test_exercise, test_mark, test_skill = records(400)

model = SkillNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(10):
    model.train()
    total = 0.0
    for exercise, mark, skill in train_loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(exercise, mark), skill)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        first, second = (model(test_exercise, test_mark) for _ in range(2))
        test = F.mse_loss(first, test_skill).item()
        moved = (first - second).abs().mean().item()
    print(
        f"epoch {epoch} train {total / len(train_loader):.4f} test {test:.4f} "
        f"two looks at one pupil differ by {moved:.4f}"
    )
