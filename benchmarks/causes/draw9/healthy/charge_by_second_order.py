"""The charge of a battery from its current, all rows at once, by L-BFGS with a line search."""

import torch
from torch import nn

torch.manual_seed(9112)
torch.set_num_threads(1)


class Battery(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, current):
        return self.out(self.rnn(current)[0])


current = 0.5 * torch.randn(48, 12, 1)
charge, rows = torch.zeros(48, 1), []
for t in range(12):
    charge = 0.9 * charge + 0.4 * current[:, t]
    rows.append(charge.tanh())
target = torch.stack(rows, 1)

model = Battery()
optimizer = torch.optim.LBFGS(
    model.parameters(), lr=1.0, max_iter=10, history_size=10, line_search_fn="strong_wolfe"
)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(current), target)
    loss.backward()
    return loss


for step in range(30):
    loss = optimizer.step(closure)
    if step % 5 == 0 or step == 29:
        print(f"step {step} loss {loss.item():.6f}")
