"""All of a small data set at once, with L-BFGS and a strong Wolfe search in its closure."""

import torch
from torch import nn

torch.manual_seed(7678)
torch.set_num_threads(1)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 12, batch_first=True)
        self.out = nn.Linear(12, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


series = torch.sin(0.4 * torch.arange(140.0)) * torch.cos(0.11 * torch.arange(140.0))
rows = series.unfold(0, 13, 1)
x, y = rows[:, :-1, None], rows[:, -1:]
model = Small()
opt = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=8, line_search_fn="strong_wolfe")


def closure():
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    return loss


for step in range(16):
    loss = opt.step(closure)
    if step % 4 == 3:
        print(step + 1, loss.item())
