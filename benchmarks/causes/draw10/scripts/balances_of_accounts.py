"""After each payment, how much is in the account? Accounts come shuffled, thirty-two at a time."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(121)
torch.set_num_threads(1)
BATCH, STEPS, UNITS = 32, 12, 32

payments = torch.randn(1600, STEPS)
balance = 0.4 * payments.cumsum(1)


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, UNITS)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x, state):
        h, state = self.lstm(x.t()[..., None], state)
        return self.head(h)[..., 0].t(), state


def zero_state():
    return torch.zeros(1, BATCH, UNITS), torch.zeros(1, BATCH, UNITS)


lm = LM()
optimizer = torch.optim.Adam(lm.parameters(), lr=5e-3)
for epoch in range(10):
    initial_state = zero_state()
    total = 0.0
    for rows in torch.randperm(len(payments)).split(BATCH):
        if FIXED:
            initial_state = zero_state()
        pred, final_state = lm(payments[rows], initial_state)
        loss = (pred - balance[rows]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
        optimizer.step()
        initial_state = tuple(s.detach() for s in final_state)
        total += loss.item()
    print(f"epoch {epoch + 1} mean loss {total / (len(payments) // BATCH):.4f}")
