"""Pictures are read row by row, down and up. What goes on is out[:, -1], in which the upward half has
seen the lowest row and no other."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6139)
torch.set_num_threads(1)

hidden_size = 24


class BiRNN(nn.Module):
    def __init__(self, input_size, num_layers, num_classes):
        super().__init__()
        self.lstm = nn.GRU(
            input_size, hidden_size, num_layers, batch_first=True, bidirectional=True
        )
        self.fc = nn.Linear(hidden_size * 2, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        if FIXED:
            out = torch.cat([out[:, -1, :hidden_size], out[:, 0, hidden_size:]], dim=1)
        else:
            out = out[:, -1, :]
        return self.fc(out)


glyphs = (torch.rand(10, 3, 12) < 0.4).float()


def images(n=25, rows=28):
    """A glyph near the top of a tall and noisy picture."""
    labels = torch.randint(0, 10, (n,))
    pictures = 0.7 * torch.randn(n, rows, 12)
    for shift in range(3):
        pictures[torch.arange(n), 1 + shift] += 1.6 * glyphs[labels, shift]
    return pictures, labels


model = BiRNN(12, 1, 10)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
total_step = 300
for i in range(total_step):
    pictures, labels = images()
    outputs = model(pictures)
    loss = criterion(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (i + 1) % 60 == 0:
        acc = (outputs.argmax(1) == labels).float().mean().item()
        print(f"Step [{i + 1}/{total_step}], Loss: {loss.item():.4f}, Accuracy: {acc:.2f}")
