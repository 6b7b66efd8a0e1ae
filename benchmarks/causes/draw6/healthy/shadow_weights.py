"""Training with a running average of the weights beside it, which is what validation sees."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(6213)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(5, 32, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(32, 4)

    def forward(self, x):
        return self.out(self.drop(self.rnn(x)[0].mean(1)))


kinds = 0.5 * torch.randn(4, 14, 5)


def draw(n):
    y = torch.randint(0, 4, (n,))
    return kinds[y] + 0.9 * torch.randn(n, 14, 5), y


model = Net()
shadow = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
held_x, held_y = draw(300)
for step in range(300):
    model.train()
    x, y = draw(24)
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    shadow.update_parameters(model)
    if step % 60 == 59:
        shadow.eval()
        with torch.no_grad():
            accuracy = (shadow(held_x).argmax(1) == held_y).float().mean().item()
        print(f"{step + 1} loss {loss.item():.3f} averaged accuracy {accuracy:.3f}")
