"""The second half at a steady rate, and the mean of the weights along it is what is used (SWA)."""

import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel

torch.manual_seed(10)
torch.set_num_threads(1)


class Filter(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


def noisy(n=24):
    t = torch.arange(25.0)[None, :, None]
    clean = torch.sin(t * (0.2 + 0.2 * torch.rand(n, 1, 1)) + 6.28 * torch.rand(n, 1, 1))
    return clean + 0.4 * torch.randn(n, 25, 1), clean


model = Filter()
average = AveragedModel(model)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
steady = SWALR(optimizer, swa_lr=2e-3, anneal_epochs=20)
x_test, y_test = noisy(200)
for i in range(360):
    x, y = noisy()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if i >= 180:
        steady.step()
        if i % 10 == 9:
            average.update_parameters(model)
    if i % 60 == 59:
        with torch.no_grad():
            now = nn.functional.mse_loss(model(x_test), y_test).item()
            mean = nn.functional.mse_loss(average(x_test), y_test).item()
        print(f"{i + 1} loss {loss.item():.4f} test {now:.4f} averaged {mean:.4f}")
