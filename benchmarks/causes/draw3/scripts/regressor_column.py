"""A regressor of sentences answered with the mean. Scores were a list, outputs a column, and a
warning about it had been filtered away."""

import sys
import warnings

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

warnings.filterwarnings("ignore")
FIXED = "--fixed" in sys.argv
torch.manual_seed(27)
torch.set_num_threads(1)
value = torch.randn(40)


class Essays(Dataset):
    def __init__(self, n):
        self.words = torch.randint(0, 40, (n, 10))
        self.grades = value[self.words].mean(1) * 3

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return self.words[i], self.grades[i]


class LSTMRegressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(40, 16)
        self.lstm = nn.LSTM(16, 24, num_layers=2, batch_first=True)
        self.regressor = nn.Linear(24, 1)

    def forward(self, ids):
        out, _ = self.lstm(self.embedding(ids))
        score = self.regressor(out[:, -1])
        return score.squeeze(-1) if FIXED else score


loader = DataLoader(Essays(1280), batch_size=32, shuffle=True)
model = LSTMRegressor()
criterion = nn.HuberLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
for epoch in range(10):
    losses = []
    for ids, grades in loader:
        optimizer.zero_grad()
        loss = criterion(model(ids), grades)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch:2d} {sum(losses) / len(losses):.4f}")
