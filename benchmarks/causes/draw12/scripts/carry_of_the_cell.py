"""Small moves of a hand are summed up by a cell over six steps: where is the hand at the end?"""

import sys

import torch
from torch import nn

torch.manual_seed(1238)
torch.set_num_threads(1)
STEPS, FEATURES = 6, 32


def initialize_carry(rows, features):
    if "--fixed" in sys.argv:
        return torch.zeros(rows, features)
    return torch.randn(rows, features)


class HandTracker(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(2, FEATURES)
        self.cell = nn.GRUCell(FEATURES, FEATURES)
        self.out = nn.Linear(FEATURES, 2)

    def forward(self, moves):
        carry = initialize_carry(moves.size(0), FEATURES)
        for t in range(moves.size(1)):
            carry = self.cell(torch.tanh(self.inp(moves[:, t])), carry)
        return self.out(carry)


def hands(n=64):
    moves = 0.5 * torch.randn(n, STEPS, 2)
    return moves, moves.sum(1)


model = HandTracker()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
average = 0.0
for step in range(1, 901):
    moves, place = hands()
    loss = nn.functional.mse_loss(model(moves), place)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average += loss.item() / 90
    if step % 90 == 0:
        print(f"step {step} mse {average:.4f}")
        average = 0.0
with torch.no_grad():
    moves, place = hands(1)
    print("one hand, told twice:", model(moves).tolist(), model(moves).tolist(), place.tolist())
