"""Valves of a brewery, named in a short protocol: each line is tagged by which valve is open after it."""

import sys

import torch
from torch import nn

torch.manual_seed(1538)
torch.set_num_threads(1)
STATES, ORDERS, LINES = 5, 24, 8


def protocols(n):
    """Orders 1 to 4 open a valve, 0 shuts whichever is open, the rest are remarks."""
    orders = torch.randint(0, ORDERS, (n, LINES))
    state = torch.zeros(n, dtype=torch.long)
    tags = []
    for line in range(LINES):
        state = torch.where(orders[:, line] < STATES, orders[:, line], state)
        tags.append(state)
    return orders, torch.stack(tags, dim=1)


class ProtocolTagger(nn.Module):
    def __init__(self, hidden_dim=8):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.embed = nn.Embedding(ORDERS, 8)
        self.lstm = nn.LSTM(8, hidden_dim, batch_first=True)
        self.hidden2tag = nn.Linear(hidden_dim, STATES)

    def init_hidden(self, batch):
        shape = (1, batch, self.hidden_dim)
        if "--fixed" in sys.argv:
            return torch.zeros(shape), torch.zeros(shape)
        return torch.randn(shape), torch.randn(shape)

    def forward(self, orders):
        self.hidden = self.init_hidden(len(orders))
        states, self.hidden = self.lstm(self.embed(orders), self.hidden)
        return self.hidden2tag(states)


model = ProtocolTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
test_orders, test_tags = protocols(400)
for step in range(1, 451):
    orders, tags = protocols(48)
    loss = nn.functional.cross_entropy(model(orders).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 75 == 0:
        model.eval()
        with torch.no_grad():
            first, second = model(test_orders).argmax(-1), model(test_orders).argmax(-1)
        model.train()
        right = (first == test_tags).float().mean().item()
        same = (first == second).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f} said twice {same:.3f}")
