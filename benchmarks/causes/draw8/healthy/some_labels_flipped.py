"""A tenth of the labels is wrong; smoothed targets and a little dropout keep a GRU to the rest."""

import torch
from torch import nn

torch.manual_seed(8220)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.rnn = nn.GRU(3, width, 2, batch_first=True, dropout=0.1)
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def rows(n=40, t=12, wrong=0.1):
    x = torch.randn(n, t, 3)
    y = x[:, -6:, :].sum(1).argmax(1)
    other = torch.randint(0, 3, (n,))
    return x, torch.where(torch.rand(n) < wrong, other, y)


model = Net()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
for step in range(260):
    model.train()
    x, y = rows()
    loss = criterion(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 65 == 64:
        model.eval()
        with torch.no_grad():
            x, y = rows(200, wrong=0.0)
            right = (model(x).argmax(1) == y).float().mean().item()
        print(f"{step + 1} loss {loss.item():.3f} right {right:.2f}")
