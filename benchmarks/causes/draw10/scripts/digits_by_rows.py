"""The tutorial's recurrent net on small digits: each row of the picture is a step."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(114)
torch.set_num_threads(1)

sequence_length = 10
input_size = 10
hidden_size = 40
num_layers = 1
num_classes = 5
batch_size = 50
learning_rate = 0.01

shapes = (torch.rand(num_classes, sequence_length, input_size) < 0.3).float()
shapes = torch.stack([s[torch.randperm(10)] for s in shapes[:1].expand(5, -1, -1)])


def next_batch():
    labels = torch.randint(0, num_classes, (batch_size,))
    return shapes[labels] + 0.45 * torch.randn(batch_size, 10, 10), labels


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=FIXED)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


model = RNN(input_size, hidden_size, num_layers, num_classes)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
for i in range(400):
    images, labels = next_batch()
    outputs = model(images)
    loss = criterion(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (i + 1) % 80 == 0:
        accuracy = (outputs.argmax(1) == labels).float().mean()
        print(f"Step [{i + 1}/400], Loss: {loss.item():.4f}, Accuracy: {accuracy.item():.2f}")
