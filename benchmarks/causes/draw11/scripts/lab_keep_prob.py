"""Lab: hand-drawn digits are read row by row, with dropout between the layers."""

import sys

import torch
import torch.nn as nn

torch.manual_seed(1131)
torch.set_num_threads(1)

# parameters
learning_rate = 0.003
training_steps = 450
batch_size = 40
keep_prob = 0.95

templates = (torch.rand(10, 12, 12) < 0.35).float()


def next_batch(size):
    labels = torch.randint(0, 10, (size,))
    images = templates[labels] + 0.35 * torch.randn(size, 12, 12)
    return images, labels


class Digits(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.rows = nn.LSTM(12, 48, batch_first=True)
        self.fc1 = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Dropout(p))
        self.fc2 = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Dropout(p))
        self.fc3 = nn.Linear(48, 10)

    def forward(self, x):
        x, _ = self.rows(x)
        return self.fc3(self.fc2(self.fc1(x[:, -1])))


model = Digits(1 - keep_prob if "--fixed" in sys.argv else keep_prob)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
avg_cost = 0.0
for step in range(training_steps):
    X, Y = next_batch(batch_size)
    cost = nn.functional.cross_entropy(model(X), Y)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    avg_cost += cost.item() / 50
    if step % 50 == 49:
        print(f"Step: {step + 1:03d} cost = {avg_cost:.6f}")
        avg_cost = 0.0
