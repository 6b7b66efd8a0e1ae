"""The log of a lift, sixteen events: which part failed is told by the event after the last alarm."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1529)
torch.set_num_threads(1)
EVENTS, PARTS, LENGTH, ALARM = 24, 8, 16, 0
FIXED = "--fixed" in sys.argv


def logs(n):
    events = torch.randint(1, EVENTS, (n, LENGTH))
    place = torch.randint(0, LENGTH - 1, (n,))
    events[torch.arange(n), place] = ALARM
    return events, events[torch.arange(n), place + 1] % PARTS


class FaultNet(nn.Module):
    def __init__(self, size=32, p=0.5):
        super().__init__()
        self.p = p
        self.embed = nn.Embedding(EVENTS, 12)
        self.gru = nn.GRU(12, size, batch_first=True)
        self.query = nn.Linear(size, 1)
        self.out = nn.Linear(size, PARTS)

    def drop(self, x):
        if FIXED:
            return F.dropout(x, self.p, training=self.training)
        return F.dropout(x, self.p)

    def forward(self, events):
        states, _ = self.gru(self.drop(self.embed(events)))
        states = self.drop(states)
        weights = torch.softmax(self.query(states), dim=1)
        return self.out((weights * states).sum(1))


def evaluate(model, events, parts):
    model.eval()
    with torch.no_grad():
        logits = model(events)
        again = model(events)
    model.train()
    right = (logits.argmax(1) == parts).float().mean().item()
    agree = (logits.argmax(1) == again.argmax(1)).float().mean().item()
    return F.cross_entropy(logits, parts).item(), right, agree


model = FaultNet()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
test_events, test_parts = logs(400)
for step in range(1, 451):
    events, parts = logs(48)
    loss = F.cross_entropy(model(events), parts)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        test_loss, right, agree = evaluate(model, test_events, test_parts)
        print(
            f"step {step} loss {loss.item():.3f} test loss {test_loss:.3f} "
            f"right {right:.3f} same answer twice {agree:.3f}"
        )
