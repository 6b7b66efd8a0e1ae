"""An average of the weights follows the model and is what the test is made with."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(5215)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 28, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(28, 3)

    def forward(self, x):
        return self.out(self.drop(self.rnn(x)[1][0]))


def draw(n=32):
    x = torch.randn(n, 10, 3)
    return x, x[:, -4:].sum(1).argmax(1)


net = Net()
ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.98))
optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9, nesterov=True)
for step in range(400):
    net.train()
    x, y = draw()
    loss = nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update_parameters(net)
    if step % 80 == 79:
        ema.eval()
        with torch.no_grad():
            x, y = draw(300)
            right = (ema(x).argmax(1) == y).float().mean().item()
        print(f"{step + 1} loss {loss.item():.3f} averaged {right:.3f}")
