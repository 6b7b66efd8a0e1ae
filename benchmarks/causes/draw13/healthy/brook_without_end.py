"""The level of a brook from the rain, along eight gauges without a break, in pieces of time."""

import torch
from torch import nn

torch.manual_seed(1355)
torch.set_num_threads(1)
GAUGES, PIECE, PIECES = 12, 16, 400


def weather(length):
    rain = (torch.rand(GAUGES, length) < 0.2).float() * torch.rand(GAUGES, length)
    slow, quick, level = torch.zeros(GAUGES), torch.zeros(GAUGES), []
    for t in range(length):
        slow = 0.95 * slow + 0.3 * rain[:, t]
        quick = 0.5 * quick + rain[:, t]
        level.append(slow + quick)
    return rain.unsqueeze(-1), torch.stack(level, 1)


class Brook(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.fc = nn.Linear(size, 1)

    def forward(self, rain, state):
        out, state = self.lstm(rain, state)
        return self.fc(out).squeeze(-1), state


rain, level = weather(PIECE * PIECES)
model = Brook()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
state = (torch.zeros(1, GAUGES, 24), torch.zeros(1, GAUGES, 24))
for step in range(PIECES):
    part = slice(step * PIECE, (step + 1) * PIECE)
    state = tuple(s.detach() for s in state)
    foretold, state = model(rain[:, part], state)
    loss = nn.functional.mse_loss(foretold, level[:, part])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 49:
        print(f"piece {step + 1} loss {loss.item():.5f} of variance {level.var().item():.4f}")
