"""A schedule that was meant to fall once in some epochs is moved on at every batch. After a few dozen
batches the rate is as good as nought, and the net stays where it is."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(7401)
torch.set_num_threads(1)


x = torch.randn(640, 18, 3)
y = (x[:, 9:, 0].sum(1) > x[:, 9:, 1].sum(1)).long()


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.LSTM(3, 48, batch_first=True)
        self.fc = nn.Linear(48, 2)

    def forward(self, x):
        return self.fc(self.body(x)[0].mean(1))


def train_model(model, criterion, optimizer, scheduler, num_epochs):
    for epoch in range(num_epochs):
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
            if not FIXED:
                scheduler.step()
        if FIXED:
            scheduler.step()
        if epoch % 4 == 3:
            rate = optimizer.param_groups[0]["lr"]
            print(f"epoch {epoch + 1} loss {total / len(loader):.3f} rate {rate:.2g}")


loader = DataLoader(TensorDataset(x, y), 32, shuffle=True)
model = Head()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.3)
train_model(model, nn.CrossEntropyLoss(), optimizer, scheduler, 20)
