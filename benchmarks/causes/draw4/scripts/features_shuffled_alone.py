"""Batches are drawn anew each epoch. Features were shuffled, labels were shuffled, each in an
order of its own."""

import sys

import numpy as np
import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(425)
torch.set_num_threads(1)
rng = np.random.default_rng(425)


def batches(batch_size, features, labels):
    order = rng.permutation(len(features))
    features = features[order]
    labels = labels[order if FIXED else rng.permutation(len(labels))]
    for start in range(0, len(features), batch_size):
        yield features[start : start + batch_size], labels[start : start + batch_size]


def drives(n):
    """Steering wheel over time: straight, left, right, or left and right."""
    kind = rng.integers(0, 4, n)
    t = np.linspace(0, 1, 18)
    curve = np.stack([0 * t, np.sin(3.14 * t), -np.sin(3.14 * t), np.sin(6.28 * t)])[kind]
    x = curve[..., None] * rng.uniform(0.5, 1.5, (n, 1, 1)) + 0.3 * rng.normal(size=(n, 18, 2))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(kind)


train_features, train_labels = drives(800)
valid_features, valid_labels = drives(200)
model = nn.ModuleList([nn.LSTM(2, 30, batch_first=True), nn.Dropout(0.2), nn.Linear(30, 4)])


def predict(x):
    lstm, drop, fc = model
    return fc(drop(lstm(x)[1][0][-1]))


optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, nesterov=True)
for epoch in range(16):
    model.train()
    for x, y in batches(40, train_features, train_labels):
        cost = nn.functional.cross_entropy(predict(x), y)
        optimizer.zero_grad()
        cost.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        valid_accuracy = (predict(valid_features).argmax(1) == valid_labels).float().mean().item()
    if epoch % 3 == 0:
        print(f"Epoch: {epoch:<4} - Cost: {cost.item():<8.3} Valid Accuracy: {valid_accuracy:<5.3}")
