"""A log that never ends, cut into eight streams; each window goes on where the last one stopped."""

import torch
from torch import nn

torch.manual_seed(6207)
torch.set_num_threads(1)

STREAMS, WINDOW, EVENTS = 8, 16, 10


def make_log(n):
    """Events come in runs, and each run is one of five programs."""
    programs = torch.randint(0, EVENTS, (5, 6))
    return torch.cat([programs[torch.randint(0, 5, ())] for _ in range(n // 6)])


log = make_log(STREAMS * WINDOW * 120 + 600)
length = (len(log) - 1) // STREAMS
x = log[: length * STREAMS].view(STREAMS, length)
y = log[1 : length * STREAMS + 1].view(STREAMS, length)


class LogModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.event = nn.Embedding(EVENTS, 24)
        self.rnn = nn.LSTM(24, 48, batch_first=True)
        self.next = nn.Linear(48, EVENTS)

    def forward(self, events, state):
        out, state = self.rnn(self.event(events), state)
        return self.next(out), state


model = LogModel()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(2):
    state = None
    for i, start in enumerate(range(0, length - WINDOW, WINDOW)):
        if state is not None:
            state = tuple(s.detach() for s in state)
        scores, state = model(x[:, start : start + WINDOW], state)
        loss = nn.functional.cross_entropy(
            scores.flatten(0, 1), y[:, start : start + WINDOW].flatten()
        )
        opt.zero_grad()
        loss.backward()
        opt.step()
        if i % 40 == 39:
            print(f"epoch {epoch} window {i + 1} loss {loss.item():.3f}")
