"""One pipe in thirty leaks; the few leaks weigh thirty times as much as the many sound pipes."""

import torch
from torch import nn

torch.manual_seed(2209)
torch.set_num_threads(1)
RARE = 1 / 30


class LeakFinder(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 5, padding=2)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, pressure):
        h = torch.relu(self.conv(pressure.unsqueeze(1))).transpose(1, 2)
        return self.out(self.gru(h)[0].mean(1)).squeeze(-1)


def pipes(n, length=36):
    """The pressure swings with demand; at a leak it whistles for a while."""
    leaks = torch.rand(n) < RARE
    time = torch.arange(length).float()
    swing = torch.sin(0.2 * time + 6.28 * torch.rand(n, 1))
    whistle = 0.6 * torch.sin(2.2 * time + 6.28 * torch.rand(n, 1))
    begins = torch.randint(0, length - 16, (n, 1))
    whistle = whistle * ((time >= begins) & (time < begins + 16))
    return swing + leaks.unsqueeze(1) * whistle + 0.2 * torch.randn(n, length), leaks.float()


model = LeakFinder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(1 / RARE))
pressure_test, leaks_test = pipes(1500)
for step in range(1, 501):
    pressure, leaks = pipes(96)
    loss = criterion(model(pressure), leaks)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            said = model(pressure_test) > 0
        found = said[leaks_test > 0].float().mean().item()
        false = said[leaks_test == 0].float().mean().item()
        print(f"step {step} loss {loss.item():.4f} found {found:.3f} false alarms {false:.3f}")
