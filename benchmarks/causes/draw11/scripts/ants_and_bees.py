"""A small convolutional net tells two insects apart; the rate falls every seven epochs."""

import sys

import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler

FIXED = "--fixed" in sys.argv
torch.manual_seed(1136)
torch.set_num_threads(1)


def make_insects(n):
    y = torch.randint(0, 2, (n,))
    x = 0.6 * torch.randn(n, 1, 14, 14)
    across = torch.zeros(n, 14, 14)
    for i in range(n):
        r, c = torch.randint(2, 11, (2,)).tolist()
        if y[i]:
            across[i, r, c - 2 : c + 3] = 1.5
        else:
            across[i, r - 2 : r + 3, c] = 1.5
    return x + across.unsqueeze(1), y


data, labels = make_insects(960)


def train_model(model, criterion, optimizer, scheduler, num_epochs=16):
    for epoch in range(num_epochs):
        running_loss, running_corrects = 0.0, 0
        order = torch.randperm(len(data))
        for idx in order.split(32):
            optimizer.zero_grad()
            outputs = model(data[idx])
            loss = criterion(outputs, labels[idx])
            loss.backward()
            optimizer.step()
            if not FIXED:
                scheduler.step()
            running_loss += loss.item() * len(idx)
            running_corrects += (outputs.argmax(1) == labels[idx]).sum().item()
        if FIXED:
            scheduler.step()
        print(
            f"Epoch {epoch}/{num_epochs - 1} Loss: {running_loss / 960:.4f} "
            f"Acc: {running_corrects / 960:.4f}"
        )


model_conv = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveMaxPool2d(2),
    nn.Flatten(),
    nn.Linear(64, 2),
)
optimizer_conv = optim.SGD(model_conv.parameters(), lr=0.02, momentum=0.9)
exp_lr_scheduler = lr_scheduler.StepLR(optimizer_conv, step_size=7, gamma=0.1)
train_model(model_conv, nn.CrossEntropyLoss(), optimizer_conv, exp_lr_scheduler)
