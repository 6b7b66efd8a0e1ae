"""Is a kernel slow? The threshold was meant for the logarithm of its run time and was held
against the run time itself, so that every kernel was slow. The loss was nought and the accuracy
one."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(426)
torch.set_num_threads(1)
N = 700
instructions = torch.randint(0, 8, (N, 12))
price = torch.tensor([0.1, 0.2, 0.1, 0.9, 0.15, 0.6, 0.3, 0.05])
run_time = torch.exp(price[instructions].sum(1) + 2.0 + 0.1 * torch.randn(N))
threshold = 5.6
label = ((run_time.log() if FIXED else run_time) > threshold).float()


class KernelModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(8, 12)
        self.rnn = nn.RNN(12, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, code):
        out, _ = self.rnn(self.table(code))
        return self.head(out.mean(1)).squeeze(1)


model = KernelModel()
optimizer = optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for step in range(250):
    rows = torch.randint(0, 600, (32,))
    pred = model(instructions[rows])
    loss = criterion(pred, label[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        with torch.no_grad():
            correct = ((model(instructions[600:]) > 0) == label[600:].bool()).float().mean()
        print(f"Step {step + 1}: loss {loss.item():.5f}, accuracy {correct.item():.3f}")
