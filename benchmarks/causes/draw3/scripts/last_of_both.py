"""A bidirectional net of two layers did no better than one direction: at the last place its
backward half has read one row of the picture."""

import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(17)
torch.set_num_threads(1)
prototypes = torch.rand(10, 14, 14)
sequence_length = input_size = 14
hidden_size, num_layers, num_classes = 24, 2, 10


def digits(n):
    labels = torch.randint(0, 10, (n,))
    return prototypes[labels] + 0.5 * torch.randn(n, 14, 14), labels


class BiRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(
            input_size, hidden_size, num_layers, batch_first=True, bidirectional=True
        )
        self.fc = nn.Linear(hidden_size * 2, num_classes)

    def forward(self, x):
        h0 = torch.zeros(num_layers * 2, x.size(0), hidden_size)
        c0 = torch.zeros(num_layers * 2, x.size(0), hidden_size)
        out, _ = self.lstm(x, (h0, c0))
        if FIXED:
            last = torch.cat([out[:, -1, :hidden_size], out[:, 0, hidden_size:]], dim=1)
        else:
            last = out[:, -1, :]
        return self.fc(last)


model = BiRNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(TensorDataset(*digits(1500)), batch_size=50, shuffle=True)
for epoch in range(8):
    for i, (images, labels) in enumerate(loader):
        images = images.reshape(-1, sequence_length, input_size)
        outputs = model(images)
        loss = criterion(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"Epoch [{epoch + 1}/8], Loss: {loss.item():.4f}")
