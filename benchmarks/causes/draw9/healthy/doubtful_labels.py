"""One label in five is wrong: a loss that grows slowly (generalised cross entropy) bears it."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9122)
torch.set_num_threads(1)


def movements(n):
    y = torch.randint(0, 4, (n,))
    t = torch.arange(18)
    angle = 0.25 * (1 + y[:, None]) * t + 6.28 * torch.rand(n, 1)
    x = torch.stack([angle.sin(), angle.cos()], -1) + 0.2 * torch.randn(n, 18, 2)
    return x, y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(2, 28, batch_first=True), nn.Linear(28, 4)

    def forward(self, x):
        return self.out(self.gru(x)[0].mean(1))


def generalised(logits, y, q=0.7):
    p = logits.softmax(1).gather(1, y[:, None])[:, 0]
    return ((1 - p**q) / q).mean()


x, y = movements(1500)
wrong = torch.rand(1500) < 0.2
y = torch.where(wrong, torch.randint(0, 4, (1500,)), y)
test_x, test_y = movements(400)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for epoch in range(9):
    total = 0.0
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    for bx, by in loader:
        loss = generalised(model(bx), by)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = (model(test_x).argmax(1) == test_y).float().mean()
    print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}, true labels right {right:.3f}")
