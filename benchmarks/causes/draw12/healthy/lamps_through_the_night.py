"""Logs of lamps run on for long; windows follow one another, and the state goes with them, cut off behind."""

import torch
from torch import nn

torch.manual_seed(1237)
torch.set_num_threads(1)
LAMPS, WINDOW, WINDOWS = 24, 16, 500


class Watcher(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3, size)
        self.burning = nn.Linear(size, 1)

    def forward(self, events, state):
        out, state = self.lstm(events, state)
        return self.burning(out).squeeze(-1), state


class Night:
    """Switches are pressed now and then, on or off; whether the lamp burns is wanted at each moment."""

    def __init__(self):
        self.on = torch.zeros(LAMPS)

    def next_window(self):
        events, burning = [], []
        for _ in range(WINDOW):
            on, off = torch.rand(LAMPS) < 0.06, torch.rand(LAMPS) < 0.06
            self.on = torch.where(on, 1.0, torch.where(off, 0.0, self.on))
            events.append(torch.stack([on.float(), off.float(), 0.3 * torch.randn(LAMPS)], -1))
            burning.append(self.on)
        return torch.stack(events), torch.stack(burning)


night, model = Night(), Watcher()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
state, running = None, 0.0
for window in range(1, WINDOWS + 1):
    events, burning = night.next_window()
    if state is not None:
        state = tuple(s.detach() for s in state)
    scores, state = model(events, state)
    loss = nn.functional.binary_cross_entropy_with_logits(scores, burning)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    running += loss.item()
    if window % 100 == 0:
        print(f"window {window} loss {running / 100:.4f}")
        running = 0.0
