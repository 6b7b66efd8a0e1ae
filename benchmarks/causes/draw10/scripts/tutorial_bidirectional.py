"""The bidirectional net of the tutorial, on strings whose kind shows at their beginning."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(117)
torch.set_num_threads(1)


class BiRNN(nn.Module):
    def __init__(self, input_size=12, hidden_size=24, num_layers=1, num_classes=6):
        super().__init__()
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(
            input_size, hidden_size, num_layers, batch_first=True, bidirectional=True
        )
        self.fc = nn.Linear(hidden_size * 2, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        if FIXED:
            ahead = out[:, -1, : self.hidden_size]
            back = out[:, 0, self.hidden_size :]
            return self.fc(torch.cat([ahead, back], dim=1))
        return self.fc(out[:, -1, :])


def strings(n=32, t=40):
    chars = torch.randint(0, 12, (n, t))
    x = nn.functional.one_hot(chars, 12).float()
    first = chars[:, 0] // 2
    return x, first


model = BiRNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for i in range(300):
    x, labels = strings()
    outputs = model(x)
    loss = criterion(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if (i + 1) % 50 == 0:
        print(f"Step [{i + 1}/300], Loss: {loss.item():.4f}")
