"""A text score came as a column, and the opinions as a row; the home-made squared error compared
each with all."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5111)
torch.set_num_threads(1)


class TextScore(nn.Module):
    def __init__(self, input_size=50, hidden_dim=32):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_dim)
        self.lstm = nn.LSTM(hidden_dim, hidden_dim, num_layers=2, batch_first=True)
        self.fc1 = nn.Linear(hidden_dim, 64)
        self.fc2 = nn.Linear(64, 1)

    def forward(self, x):
        out, _ = self.lstm(self.embedding(x))
        out = torch.relu(self.fc1(out[:, -1, :]))
        return self.fc2(out)


def reviews(n=64, t=10):
    words = torch.randint(0, 50, (n, t))
    mood = ((words < 12).float() - (words > 37).float()).sum(1)
    return words, torch.tanh(mood / 2)


def squared_error(y_pred, y):
    return ((y_pred - y) ** 2).mean()


model = TextScore()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
for epoch in range(5):
    for _ in range(70):
        x, y = reviews()
        y_pred = model(x)
        if FIXED:
            y_pred = y_pred.squeeze(1)
        loss = squared_error(y_pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x, y = reviews(256)
        sure = y.abs() > 0.1
        hits = ((model(x).squeeze(1) > 0) == (y > 0))[sure].float().mean().item()
    print(f"Epoch: {epoch + 1}, loss: {loss.item():.5f}, agreement: {hits:.3f}")
