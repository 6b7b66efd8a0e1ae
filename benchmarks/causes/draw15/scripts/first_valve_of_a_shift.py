"""The valve that opened first tells which of four alarms ends the shift; readings go on for an hour between."""

import sys

import torch
from torch import nn

torch.manual_seed(1555)
torch.set_num_threads(1)
VALVES, MINUTES = 4, 60


def shifts(n):
    valve = torch.randint(0, VALVES, (n,))
    readings = torch.zeros(n, MINUTES, VALVES + 2)
    readings[:, 0, :VALVES] = nn.functional.one_hot(valve, VALVES).float()
    readings[:, :, VALVES:] = 0.5 * torch.randn(n, MINUTES, 2)
    return readings, valve


class AlarmNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        if "--fixed" in sys.argv:
            self.rnn = nn.LSTM(VALVES + 2, size, batch_first=True)
            nn.init.constant_(self.rnn.bias_ih_l0.data[size : 2 * size], 4.0)
        else:
            self.rnn = nn.RNN(VALVES + 2, size, batch_first=True)
        self.out = nn.Linear(size, VALVES)

    def forward(self, readings):
        hidden, _ = self.rnn(readings)
        return self.out(hidden[:, -1])


model = AlarmNet()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
test_readings, test_valve = shifts(300)
for step in range(1, 401):
    readings, valve = shifts(32)
    loss = nn.functional.cross_entropy(model(readings), valve)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            right = (model(test_readings).argmax(1) == test_valve).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
