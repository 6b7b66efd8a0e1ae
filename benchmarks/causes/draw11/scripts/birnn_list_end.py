"""A bidirectional network over rows of a strip; what matters stands near the upper edge."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1117)
torch.set_num_threads(1)
TIMESTEPS, NUM_INPUT, NUM_HIDDEN, NUM_CLASSES = 44, 5, 24, 5


class BiRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(NUM_INPUT, NUM_HIDDEN, bidirectional=True)
        self.out = nn.Linear(2 * NUM_HIDDEN, NUM_CLASSES)

    def forward(self, x):
        outputs, (last, _) = self.lstm(x.transpose(0, 1))
        if FIXED:
            return self.out(torch.cat([last[0], last[1]], 1))
        return self.out(outputs[-1])


def strips(n=32):
    label = torch.randint(0, NUM_CLASSES, (n,))
    x = 0.8 * torch.randn(n, TIMESTEPS, NUM_INPUT)
    mark = 2.0 * nn.functional.one_hot(label, NUM_INPUT)
    x[:, 0] += mark
    x[:, 1] -= mark
    x[:, 2] += mark
    return x, label


net = BiRNN()
optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
loss_op = nn.CrossEntropyLoss()
acc, mean = 0.0, 0.0
for step in range(1, 401):
    x, label = strips()
    logits = net(x)
    loss = loss_op(logits, label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean += loss.item() / 50
    acc += (logits.argmax(1) == label).float().mean().item() / 50
    if step % 50 == 0:
        print(f"Step {step}, Minibatch Loss= {mean:.4f}, Training Accuracy= {acc:.3f}")
        acc, mean = 0.0, 0.0
