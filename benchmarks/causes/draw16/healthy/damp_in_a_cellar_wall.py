"""Damp in cellar walls follows rain slowly: long series read chunk by chunk, the state handed on between them."""

import torch
from torch import nn

torch.manual_seed(16105)
torch.set_num_threads(1)
WALLS, HOURS, CHUNK, MEMORY = 16, 240, 20, 25.0


def walls(n):
    """Damp forgets rain over a day, more than a chunk; walls start as damp as they usually are."""
    rain = torch.rand(n, HOURS) * (torch.rand(n, HOURS) < 0.25)
    damp, level = [], torch.ones(n)
    for r in rain.unbind(1):
        level = level + (8 * r - level) / MEMORY
        damp.append(level)
    damp = torch.stack(damp, dim=1)
    return 2 * rain.unsqueeze(2), 2 * (damp.unsqueeze(2) - 1)


class WallModel(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        with torch.no_grad():
            self.lstm.bias_hh_l0[size : 2 * size] += 3.0
        self.damp = nn.Linear(size, 1)

    def forward(self, rain, state=None):
        out, state = self.lstm(rain, state)
        return self.damp(out), state


model = WallModel()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
test_rain, test_damp = walls(60)
for series in range(1, 41):
    rain, damp = walls(WALLS)
    state, total = None, 0.0
    for start in range(0, HOURS, CHUNK):
        here = slice(start, start + CHUNK)
        said, state = model(rain[:, here], state)
        loss = nn.functional.mse_loss(said, damp[:, here])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        state = tuple(s.detach() for s in state)
        total += loss.item()
    if series % 4 == 0:
        with torch.no_grad():
            error = (model(test_rain)[0] - test_damp)[:, CHUNK:].pow(2).mean().item()
        share = 1 - error / test_damp[:, CHUNK:].var().item()
        print(f"series {series} loss {total * CHUNK / HOURS:.4f} test explained {share:.3f}")
