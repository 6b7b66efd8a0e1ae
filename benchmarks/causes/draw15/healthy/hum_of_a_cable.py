"""One long hum of a bridge's cable: it swells and fades slowly, and its next sample is foretold as it runs."""

import torch
from torch import nn

torch.manual_seed(15143)
torch.set_num_threads(1)
PIECE, PIECES, PASSES = 32, 150, 2


def hum(n):
    """A tone near its pitch, damped, that the wind strikes anew at every sample."""
    sample, before = [0.0, 0.3], torch.randn(n).mul(0.05)
    for k in range(n):
        sample.append(1.72 * sample[-1] - 0.985 * sample[-2] + before[k].item())
    signal = torch.tensor(sample[2:])
    return signal / signal.std()


class Listener(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.cell = nn.GRUCell(1, size)
        self.next = nn.Linear(size, 1)
        self.size = size

    def start(self):
        return torch.zeros(1, self.size)

    def forward(self, signal, state):
        """The samples of one piece go in one by one; the state is handed back for the next piece."""
        guesses = []
        for value in signal:
            state = self.cell(value.view(1, 1), state)
            guesses.append(self.next(state).view(()))
        return torch.stack(guesses), state


signal = hum(PIECE * PIECES + 1)
heldout = hum(1201)
listener = Listener()
optimizer = torch.optim.Adam(listener.parameters(), lr=3e-3)
for turn in range(1, PASSES + 1):
    state, losses = listener.start(), []
    for k in range(PIECES):
        part = signal[k * PIECE : (k + 1) * PIECE + 1]
        guess, state = listener(part[:-1], state.detach())
        loss = nn.functional.mse_loss(guess, part[1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(listener.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (k + 1) % 50 == 0:
            print(f"pass {turn} piece {k + 1} loss {sum(losses[-50:]) / 50:.4f}")
    with torch.no_grad():
        guess, _ = listener(heldout[:-1], listener.start())
        print(f"pass {turn} held out {nn.functional.mse_loss(guess, heldout[1:]).item():.4f}")
