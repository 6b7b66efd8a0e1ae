"""A notebook cell: three gestures of the hand are told apart by an LSTM, with plain SGD."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(105)
torch.set_num_threads(1)

# data: a gesture is a way to move through the plane, seen with some noise
speeds = torch.tensor([[0.2, 0.0], [-0.1, 0.17], [-0.1, -0.17]])
labels = torch.randint(0, 3, (480,))
drift = speeds[labels][:, None] * torch.linspace(0, 4, 12)[None, :, None]
data = drift + 0.35 * torch.randn(480, 12, 2)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(data, labels), batch_size=16, shuffle=True
)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 20, batch_first=True)
        self.fc = nn.Linear(20, 3)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])


model = Classifier()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.25)

epochs = 16
for epoch in range(epochs):
    running_loss = 0.0
    for inputs, target in loader:
        if FIXED:
            optimizer.zero_grad()
        logps = model(inputs)
        loss = criterion(logps, target)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(f"Epoch {epoch + 1}/{epochs}.. Train loss: {running_loss / len(loader):.3f}")
